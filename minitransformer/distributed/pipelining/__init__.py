"""Pipeline parallel: a model cut into stages, one for each rank, through which the parts of a batch pass one after the other.

| file        | what it is                                                                     |
|-------------|--------------------------------------------------------------------------------|
| `stage`     | one stage: its forward and its backward walk for one micro-batch                |
| `messages`  | what two neighbours tell each other                                             |
| `schedules` | in which order a stage works: GPipe, 1F1B                                       |
| `timeline`  | when each stage worked, and how long it waited                                  |
"""

from minitransformer.distributed.pipelining.schedules import Schedule1F1B, ScheduleGPipe
from minitransformer.distributed.pipelining.stage import PipelineStage, stage_of
from minitransformer.distributed.pipelining.timeline import Slot, bubble, laid_out

__all__ = ["PipelineStage", "Schedule1F1B", "ScheduleGPipe", "Slot", "bubble", "laid_out", "stage_of"]
