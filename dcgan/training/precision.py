"""What the networks compute in while they are trained: chosen once per run, by trial, and kept for the whole run."""

from __future__ import annotations

import statistics
import time

import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedTraining
from dcgan.networks.batches import Batches
from dcgan.run import records, runs
from dcgan.run.paths import Run
from dcgan.run.records import PrecisionRecord
from dcgan.training.gan import Gan

INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}  # processor flags of x86 and Arm
MIN_PARAMETERS = 1_000_000  # smaller networks gain less over a whole training than the trial costs
TRIAL_STEPS, TRIALS = 2, 3
MIN_GAIN = 1.1  # times faster; under that, float32's accuracy is worth more


def choose_precision(run: Run, training: ResolvedTraining, image_shape: tuple[int, int, int]) -> str:
    """Leave "float32" or "bfloat16" in the run, with the trial's figures. A choice that stands there already stays."""
    if not run.precision.exists():
        rates: dict[str, float] = {}
        chosen = str(training.precision)
        if chosen == "auto":
            gan = Gan(training, image_shape)
            worth_a_trial = gan.num_parameters() >= MIN_PARAMETERS and not INSTRUCTIONS.isdisjoint(
                runs.cpuinfo("flags", "Features").split()
            )
            if worth_a_trial:
                rates = {precision: _rate(training, image_shape, precision) for precision in ("float32", "bfloat16")}
            chosen = "bfloat16" if rates and rates["bfloat16"] > MIN_GAIN * rates["float32"] else "float32"
        records.write(run.precision, PrecisionRecord(precision=chosen, images_per_second=rates))
    return chosen_precision(run)


def chosen_precision(run: Run) -> str:
    """What `choose_precision` left."""
    return records.read(run.precision, PrecisionRecord).precision


def _rate(training: ResolvedTraining, image_shape: tuple[int, int, int], precision: str) -> float:
    """Images per second, the median of some trials; what the pictures show does not matter to it."""
    gan = Gan(training, image_shape, precision=precision)
    gan.initialize(0)
    batches = Batches([np.zeros((training.batch_size, *image_shape), np.uint8)], stream=0)
    run_steps = gan.stretch(batches, 0, "")
    seconds = []
    for _ in range(TRIALS + 1):  # the first compiles
        began = time.monotonic()
        float(run_steps(tf.constant(0, tf.int64), tf.constant(TRIAL_STEPS, tf.int64))[0])
        seconds.append(time.monotonic() - began)
    return round(TRIAL_STEPS * training.batch_size / statistics.median(seconds[1:]), 1)
