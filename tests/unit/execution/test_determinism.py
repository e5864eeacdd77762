"""TensorFlow is loaded once, whoever asks first, and computes in what it is told to."""

from __future__ import annotations

import subprocess
import sys

LOAD_AT_ONCE = """
import os, threading
from concurrent.futures import ThreadPoolExecutor
from dcgan.execution.determinism import load_tensorflow

def load(_):
    start.wait()
    return load_tensorflow().train.Example

start = threading.Barrier(8)
before = os.fstat(2)
with ThreadPoolExecutor(8) as pool:
    assert len(set(pool.map(load, range(8)))) == 1
assert os.fstat(2) == before, "standard error leads elsewhere"
"""


def test_threads_that_need_tensorflow_at_once_get_it_and_keep_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD_AT_ONCE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_float32_is_not_shortened_on_gpus() -> None:
    asked = (
        "from dcgan.execution.determinism import load_tensorflow, wake_tensorflow; wake_tensorflow(1); "
        "print(load_tensorflow().config.experimental.tensor_float_32_execution_enabled())"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
