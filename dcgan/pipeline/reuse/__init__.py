"""What a night does again, and what it takes over from the runs before.

A stage is skipped when its output stands. So a night that differs little from the one before gives its run, before the
first network is trained, whatever still holds of the job's other runs, by hard links. `comparing` decides what that is
by fingerprints, `carrying` links it. The rules, in full: docs/explanation/nights.md.
"""

from dcgan.pipeline.reuse.carrying import carry_over, take_over
from dcgan.pipeline.reuse.comparing import compare, fingerprints_of
from dcgan.pipeline.reuse.earlier import ClassReuse, EarlierRun, Reuse

__all__ = ["ClassReuse", "EarlierRun", "Reuse", "carry_over", "compare", "fingerprints_of", "take_over"]
