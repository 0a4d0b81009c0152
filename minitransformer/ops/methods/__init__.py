"""The methods of `Tensor`: which function of the ops each of them is, in one table a kind.

At run time the tables are attached to `Tensor` once, below. Type checkers and editors read them as a base class of `Tensor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitransformer.autograd import Tensor
from minitransformer.errors import no_such_name
from minitransformer.ops.methods.arranged import Arranged
from minitransformer.ops.methods.elementwise import Elementwise
from minitransformer.ops.methods.held import Held
from minitransformer.ops.methods.reductions import Reductions


class Methods(Elementwise, Reductions, Arranged, Held):
    """What a tensor can do: each method is the function it names, and the tensor is that function's first argument."""

    if not TYPE_CHECKING:  # a type checker reports a name that is not there

        def __getattr__(self, name):
            raise no_such_name("a tensor", name, [] if name[0] == "_" else dir(Tensor))


for _table in Methods.__mro__[:-1]:
    for _name, _method in vars(_table).items():
        if _name not in ("__module__", "__dict__", "__weakref__", "__doc__"):
            setattr(Tensor, _name, _method)
