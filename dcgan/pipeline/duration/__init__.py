"""How long a run would take on this machine: by what earlier runs took here, or else by a few steps that are timed.

`work` counts what is to be done, `history` and `timing` say how fast it is done, and `estimate` puts them together.
"""

from dcgan.pipeline.duration.conditions import conditions
from dcgan.pipeline.duration.estimate import enough_machines, estimate
from dcgan.pipeline.duration.history import learn, rates_of_earlier_runs
from dcgan.pipeline.duration.work import Work, work_of

__all__ = ["Work", "conditions", "enough_machines", "estimate", "learn", "rates_of_earlier_runs", "work_of"]
