"""PyTorch's files, `.pt`, `.pth` and `.bin`, read without PyTorch and without running anything in them.

`torch.save` writes a pickle: a program for a small machine with a stack, which builds the saved object. Python's own unpickler lets
such a program call any function. Here `machine` runs it with only the opcodes that build containers, `admitted` lists the few
names it may use, and `storages` gives it the numbers. `archive` and `legacy` are the two forms of a file around the pickle.
"""

from minitransformer.torch_files.reading import is_torch_file, read

__all__ = ["is_torch_file", "read"]
