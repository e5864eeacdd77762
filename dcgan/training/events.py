"""TensorBoard event files, and the timelapse: a training to look at while it runs and after.

TensorBoard reads TFRecord files of `Event` messages; TensorFlow carries both, so that only who looks needs TensorBoard.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from PIL import Image

from dcgan.files import storage

Event: Any = tf.compat.v1.Event
Summary: Any = tf.compat.v1.Summary
SessionLog: Any = tf.compat.v1.SessionLog

FRAME_MILLISECONDS = 400
LAST_FRAME_MILLISECONDS = 2000


class Events:
    """Writes one training's events; a resumed training writes a file more, and says from which step on it counts."""

    def __init__(self, folder: Path, step: int) -> None:
        """Begin a file.

        Args:
            folder: of the training; `tensorboard --logdir` may name it or any folder above.
            step: that training begins at; what an earlier file says of later steps no longer counts.
        """
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._writer = tf.io.TFRecordWriter(str(folder / f"events.out.tfevents.{now:.6f}.step-{step}"))
        self._write(Event(wall_time=now, file_version="brain.Event:2"))
        self._write(Event(wall_time=now, step=step, session_log=SessionLog(status=SessionLog.START)))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by name."""
        self._summary(step, [Summary.Value(tag=name, simple_value=value) for name, value in values.items()])

    def picture(self, step: int, name: str, png: bytes) -> None:
        """Write a picture."""
        self._summary(step, [Summary.Value(tag=name, image=Summary.Image(encoded_image_string=png))])

    def close(self) -> None:
        self._writer.close()

    def _summary(self, step: int, values: list[Any]) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def write_timelapse(pictures: list[Path], file: Path) -> None:
    """Pictures of the same latents at growing steps, as an animated WebP."""
    frames = [Image.open(io.BytesIO(path.read_bytes())) for path in pictures]
    durations = [FRAME_MILLISECONDS] * (len(frames) - 1) + [LAST_FRAME_MILLISECONDS]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=80)
    storage.write_bytes(file, buffer.getvalue())
