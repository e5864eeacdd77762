"""What a night does again, and what it takes over from the runs before.

A stage is skipped when its output stands. So a night that differs little from the one before gives its run, before the
first network is trained, whatever still holds of the job's other runs, by hard links. `comparing` decides what that is
by fingerprints, `telling` puts it into words, `carrying` links it. The rules, in full: docs/explanation/nights.md.
"""

from dcgan.nights.carrying import carry_over
from dcgan.nights.comparing import compare, fingerprints
from dcgan.nights.records import ANEW, FEWER, FURTHER, KEPT, MADE, MORE, Change, Changes, Former

__all__ = [
    "ANEW", "FEWER", "FURTHER", "KEPT", "MADE", "MORE", "Change", "Changes", "Former", "carry_over", "compare",
    "fingerprints",
]  # fmt: skip
