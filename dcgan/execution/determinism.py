"""What the bytes of results depend on besides seeds: the threads that TensorFlow computes with."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from types import ModuleType

_loading = threading.Lock()


def set_up_tensorflow(threads: int) -> None:
    """Set thread counts, deterministic operations, and on GPUs true float32 and memory that grows by need.

    Call before the process's first operation of TensorFlow.
    """
    import tensorflow as tf  # noqa: PLC0415 (slow, and its messages may have to be silenced first)

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    # By default GPUs multiply float32 as TF32, with 10 of its 23 bits; a job that asks for float32 gets it.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in tf.config.list_physical_devices("GPU"):
        # By default the first process on a GPU takes all of its memory.
        tf.config.experimental.set_memory_growth(gpu, True)


def wake_tensorflow(threads: int) -> None:
    """Load TensorFlow, set it up and run a first operation, and keep what its libraries write then off the terminal."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    tf = load_tensorflow()
    with _no_standard_error():
        set_up_tensorflow(threads)
        tf.zeros(())


def load_tensorflow() -> ModuleType:
    """TensorFlow, without what its libraries write to the terminal when they are loaded. Any thread may call it."""
    with _loading:  # two threads at once would each take the other's for the standard error to go back to
        quietly = contextlib.nullcontext() if "tensorflow" in sys.modules else _no_standard_error()
        with quietly:
            return importlib.import_module("tensorflow")


@contextlib.contextmanager
def _no_standard_error() -> Iterator[None]:
    """File descriptor 2 leads nowhere in this block: libraries in C++ know no other way to be quiet."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
