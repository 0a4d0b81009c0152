"""How tensors lie on the ranks of a mesh, under torch.distributed.tensor's names."""

from minitransformer.distributed.tensor.placements import Replicate, Shard

__all__ = ["Replicate", "Shard"]
