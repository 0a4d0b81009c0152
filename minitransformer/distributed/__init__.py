"""Several ranks that compute one thing together, under torch.distributed's names.

A rank is a process (`mpi`) or a thread (`local`). Each calls `init_process_group` first, and from then on all make the same
calls in the same order.

>>> import minitransformer as mt
>>> from minitransformer import distributed as dist
>>> def work(rank):
...     dist.init_process_group("local")
...     x = mt.tensor([1.0, 2.0]) * (rank + 1)
...     dist.all_reduce(x)
...     return x.tolist()
>>> dist.spawn(work, nprocs=2)
[[3.0, 6.0], [3.0, 6.0]]
"""

from minitransformer.collectives.engine import DistError
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.distributed.groups import (
    ProcessGroup,
    barrier,
    destroy_process_group,
    get_backend,
    get_global_rank,
    get_group_rank,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    init_process_group,
    is_available,
    is_initialized,
    new_group,
    spawn,
)
from minitransformer.distributed.mesh import DeviceMesh, init_device_mesh
from minitransformer.distributed.objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    scatter_object_list,
)
from minitransformer.distributed.pairs import irecv, isend, recv, send
from minitransformer.distributed.together import (
    all_gather,
    all_gather_into_tensor,
    all_reduce,
    all_to_all_single,
    broadcast,
    gather,
    reduce,
    reduce_scatter_tensor,
    scatter,
)
from minitransformer.distributed.work import Work

__all__ = [
    "DeviceMesh",
    "DistError",
    "ProcessGroup",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_global_rank",
    "get_group_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_device_mesh",
    "init_process_group",
    "irecv",
    "is_available",
    "is_initialized",
    "isend",
    "new_group",
    "recv",
    "reduce",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
    "spawn",
]
