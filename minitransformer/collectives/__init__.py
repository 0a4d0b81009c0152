"""Collectives: what the ranks of a group, several processes or threads that compute one thing together, tell each other.

| file       | what it is                                                                       |
|------------|----------------------------------------------------------------------------------|
| `engine`   | a group as one of its ranks sees it; every call is compared before it is made    |
| `local`    | ranks as threads of one process: for tests, lessons, and machines without MPI     |
| `mpi`      | ranks as processes of one machine or of many, on the CPU, by MPI                  |
| `threads`  | starts the threads of `local`, and ends them together                             |
| `world`    | the group of all ranks, which a program enters and leaves                         |

They know arrays only. `minitransformer.distributed` has them for tensors, under PyTorch's names.
"""
