"""What the tests of ranks share: work that threads of this process do as ranks."""

from minitransformer import distributed as dist

SIZE = 3


def run(work, nprocs=SIZE, timeout=20, backend="local"):
    """What each rank's `work(rank)` returns; it begins inside the group."""

    def ranked(rank):
        dist.init_process_group(backend, timeout=timeout)
        return work(rank)

    return dist.spawn(ranked, nprocs=nprocs)
