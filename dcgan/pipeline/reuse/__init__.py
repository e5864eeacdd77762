"""What a night does again, and what it takes over from the runs before.

A stage is skipped when its output stands. So a night that differs little from the one before gives its run, before the
first network is trained, whatever still holds of the job's other runs, by hard links. `comparing` decides what that is
by fingerprints, `telling` puts it into words, `carrying` links it. The rules, in full: docs/explanation/nights.md.
"""

from dcgan.pipeline.reuse.carrying import carry_over, take_over
from dcgan.pipeline.reuse.comparing import compare, fingerprints_of
from dcgan.pipeline.reuse.records import ANEW, FEWER, FURTHER, KEPT, MADE, MORE, Change, Changes, Former

__all__ = [
    "ANEW", "FEWER", "FURTHER", "KEPT", "MADE", "MORE", "Change", "Changes", "Former", "carry_over", "compare",
    "fingerprints_of", "take_over",
]  # fmt: skip
