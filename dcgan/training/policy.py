"""How a class is trained, by how many images it has. What was tried, and what it gave: docs/explanation/training.md.

| training images | what is done |
| --- | --- |
| under 8 (`dcgan.data.split.MIN_TRAIN`) | refused: a GAN could only learn them by heart |
| under 100 | the score that picks the best step is taken against the training images: too few to hold any in |
| 100 and more | a fifth of the training images, at most 256, is held in for the score and not trained on |

A class that has changed little since an earlier run is trained further, from where it stood then.
"""

from __future__ import annotations

NUM_LOOKS = 8  # times that a training's samples are scored; more finds the peak more finely and costs more
PATIENCE = 4  # scores without a new best after which training stops,
PATIENCE_STEPS = 500  # and so many steps: samples of a class that starts from the base get worse before they get better

UNLABELLED_SHARE = 0.5  # of the base's draws that are images without labels, where there are some
FURTHER_SHARE = 0.25  # of a class's steps, when it is trained further: the samples are good when it begins


def further_steps(num_steps: int, log_steps: int) -> int:
    """Optimizer steps of a class that is trained further, instead of `num_steps`: whole stretches."""
    return min(num_steps, max(1, round(FURTHER_SHARE * num_steps / log_steps)) * log_steps)


def look_steps(num_steps: int, log_steps: int) -> int:
    """Optimizer steps from look to look at the samples: a multiple of `log_steps`, so as to fall between stretches."""
    return max(1, round(num_steps / NUM_LOOKS / log_steps)) * log_steps
