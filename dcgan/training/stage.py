"""The training stage: from a class's images to the weights that generate it."""

from __future__ import annotations

import dataclasses
import json
import math
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import psutil
import tensorflow as tf

from dcgan.config import ResolvedJob
from dcgan.data.split import labels_with_images, load_training, load_validation
from dcgan.errors import TrainingError
from dcgan.execution import randomness
from dcgan.execution.progress import OnProgress
from dcgan.files import pictures, storage
from dcgan.networks.batches import Batches, to_float, to_uint8
from dcgan.networks.classifier import load_folds
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import FingerprintsRecord, Stopped, TrainingRecord
from dcgan.training import policy, snapshots, watch
from dcgan.training.events import Events, write_timelapse
from dcgan.training.gan import Gan, Stretch
from dcgan.training.precision import chosen_precision
from dcgan.training.score import NUM_SAMPLES, FoldScorer
from dcgan.training.watch import Course

BASE = "\x00base"  # no class can have this name, so that the base's draws are apart from every class's
BEST = "best/"  # begins the names of the best step's generator in a snapshot
GRID_COLUMNS = 8  # sample grids are 8 x 8 images of fixed latents
STATISTICS = 256  # images of a class that its BatchNorms' first statistics come from
CLOSING_SECONDS = 0.3  # for what is written after the last step, when time is short: 0.1 for small networks
MAX_SNAPSHOT_SHARE = 0.03  # of training time that snapshots may take; where they cost more, they come less often


def train_base(run: Run, job: ResolvedJob, max_seconds: float | None, on_progress: OnProgress) -> TrainingRecord:
    """Train the shared base on the training images of all classes, every class drawn equally often.

    It is a start for the classes and makes no images itself, so that its last step serves, and no score is taken. It is
    not told the classes: by a label it would learn those of few images by heart, and hand them on narrow.
    """
    images = load_training(run, labels_with_images(run))
    training = job.training
    return _train(run, job, run.base, BASE, images, None, training.base_steps, None, max_seconds, on_progress)


def train_class(
    run: Run, job: ResolvedJob, label: str, max_seconds: float | None, on_progress: OnProgress
) -> TrainingRecord:
    """Train one class: further, where the run was given what an earlier one came to, else from the shared base, if any.

    Trained further, it takes fewer steps (`policy.further_steps`), with draws of their own.
    """
    [images] = load_training(run, [label])
    training = job.training
    num_steps, start, draws = training.class_steps, None, label
    if (before := snapshots.load_newest(run.start(label))) is not None:
        start = Start(before[0], of_base=False)
        num_steps = policy.further_steps(num_steps, training.log_steps)
        fingerprint = records.read(run.fingerprints, FingerprintsRecord).classes[label].training
        draws = f"{label}\x00{fingerprint}"
    elif training.base:
        if (newest := snapshots.load_newest(run.base)) is None:
            raise TrainingError(f"{run.base}: the shared base has no whole snapshot; remove this folder and run again")
        start = Start(newest[0], of_base=True)
    folder, scorer = run.training(label), FoldScorer(load_folds(run, images.shape[1:]), load_validation(run, label))
    return _train(run, job, folder, label, [images], scorer, num_steps, start, max_seconds, on_progress, draws)


@dataclasses.dataclass(frozen=True)
class Start:
    """What a class's training begins with."""

    arrays: Mapping[str, np.ndarray]
    of_base: bool
    """Whether they are a snapshot of the shared base; else they are one of the class itself."""


def _train(  # noqa: PLR0915 (one loop, to be read from top to bottom)
    run: Run,
    job: ResolvedJob,
    folder: Path,
    label: str,
    images: Sequence[np.ndarray],
    scorer: FoldScorer | None,
    num_steps: int,
    start: Start | None,
    max_seconds: float | None,
    on_progress: OnProgress,
    draws: str = BASE,
) -> TrainingRecord:
    """Train in `folder`, from its newest snapshot where there is one, and leave `model.npz` and `record.json`.

    Args:
        run: its folder.
        job: resolved.
        folder: of this training.
        label: class name, or `BASE`.
        images: uint8 (n, H, W, C), one array per class: several for the base, one for a class.
        scorer: picks the step that ships; None: the last one does.
        num_steps: optimizer steps at most.
        start: what to begin with; None: from random weights.
        max_seconds: of this process's life; None: no limit.
        on_progress: told after every stretch of steps.
        draws: names the streams of draws.

    Raises:
        TrainingError: an incident has come too often, see `watch`.
    """
    record_file = folder / "record.json"
    if record_file.exists():
        return records.read(record_file, TrainingRecord)
    storage.remove_unfinished(folder)

    # Networks, and the fixed latents by which they are looked at.
    training, seed = job.training, job.generation.seed
    precision = chosen_precision(run)
    gan = Gan(training, images[0].shape[1:], precision)
    latents = tf.random.stateless_normal(
        (NUM_SAMPLES, training.latent_dim), [randomness.stream(seed, label, "score"), 0], alg="philox"
    )
    sample = tf.function(lambda: to_uint8(gan.sample(latents)))

    def begin() -> None:
        """Start from what is given, or from random weights of the present branch."""
        if start is None:
            gan.initialize(randomness.stream(seed, _branch_name(draws, course), "weights"))
        elif start.of_base:
            gan.start_from(start.arrays, latents, to_float(tf.constant(images[0][:STATISTICS])))
        else:
            arrays, shipped = _parted(start.arrays)
            gan.restore(arrays)
            gan.show(
                shipped
            )  # what shipped then is scored tonight, and ships again where training finds nothing better

    def compile_steps() -> Stretch:
        """The training loop with the present branch's draws and learning rate."""
        gan.set_learning_rate(training.learning_rate * course.learning_rate_scale)
        name = _branch_name(draws, course)
        batches = Batches(images, stream=randomness.stream(seed, name, "batch"))
        return gan.stretch(training, batches, seed, name)

    def look() -> dict[str, float]:
        """Samples of this step: show them, score them, and keep the generator when it is the best so far.

        What a class begins with may ship only where it is this class's own: the shared base's samples score well at
        times, and are of other classes too.
        """
        samples = sample().numpy()
        picture = pictures.png(pictures.grid(samples[: GRID_COLUMNS**2], GRID_COLUMNS))
        storage.write_bytes(folder / "samples" / f"step-{course.work:08d}.png", picture)
        events.picture(course.work, "samples", picture)
        if scorer is None or (course.step == 0 and (start is None or start.of_base)):
            return {}
        score = scorer(samples)
        if course.take(score):
            best.update(gan.ema_arrays())
        return {"score": score.value} | dataclasses.asdict(score)

    # Where to begin: the newest snapshot, or the start of all.
    course = Course()
    best: dict[str, np.ndarray] = {}
    if (newest := snapshots.load_newest(folder)) is not None:
        course = Course.from_json(newest[1])
        arrays, best = _parted(newest[0])
        gan.restore(arrays)
    else:
        begin()
    events = Events(folder, course.work)
    journal = folder / "training.jsonl"
    _cut_journal(journal, course.work)
    if course.work == 0:
        look()

    # Train, a stretch of steps at a time; everything that looks at the GAN does so between stretches.
    run_steps = compile_steps()
    good = gan.arrays(), course.place()
    look_every = policy.look_steps(num_steps, training.log_steps)
    last_snapshot, snapshot_seconds = time.monotonic(), 0.0
    stopped = _why_ended(course, num_steps)  # a training can be killed after its last step
    affordable = num_steps  # steps, as far as is known before the first of them has been timed
    on_progress({"done": course.step, "total": num_steps})
    while stopped is None:
        count = min(training.log_steps, num_steps - course.step, affordable)
        began = time.monotonic()
        first = tf.constant(course.step, tf.int64)
        d_loss, g_loss = (float(loss) for loss in run_steps(first, tf.constant(count, tf.int64)))
        elapsed = time.monotonic() - began
        course.advance(count, elapsed, d_loss)

        # What may have gone wrong: back to the stretch before, or to the start, with new draws and smaller steps.
        due = course.step % look_every == 0 or course.step == num_steps
        if not (math.isfinite(d_loss) and math.isfinite(g_loss) and gan.is_finite()):
            course.note(watch.DIVERGED, f"losses {d_loss:g} and {g_loss:g}")
            gan.restore(good[0])
            course.return_to(good[1])
            run_steps = compile_steps()
            continue
        looked = look() if due else {}
        if due and (incident := course.incident(num_steps)):
            course.note(*incident)
            course.begin_again()
            best.clear()
            gan.reset_optimizers()
            begin()
            run_steps = compile_steps()
        good = gan.arrays(), course.place()

        # Tell of it.
        row = {
            "step": course.step, "work": course.work, "branch": course.branch, "d_loss": d_loss, "g_loss": g_loss,
            "images_per_second": round(count * training.batch_size / elapsed, 1), "seconds": round(course.seconds, 2),
            "memory_mb": _peak_memory_mb(), **looked,
        }  # fmt: skip
        with journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        events.scalars(course.work, row)
        left = (num_steps - course.step) * elapsed / count
        on_progress(
            {
                "done": course.step,
                "total": num_steps,
                "rate": row["images_per_second"],
                "d_loss": d_loss,
                "g_loss": g_loss,
                "seconds_left": left,
            }
        )

        # Stop, or save and go on.
        stopped = _why_ended(course, num_steps)
        if max_seconds is not None:
            affordable = int((max_seconds - _process_seconds() - CLOSING_SECONDS) * count / elapsed)
        if not stopped and affordable < 1:
            stopped = Stopped.TIME_RAN_OUT
        if stopped or time.monotonic() - last_snapshot >= max(
            training.snapshot_seconds, snapshot_seconds / MAX_SNAPSHOT_SHARE if training.snapshot_seconds else 0
        ):
            began = time.monotonic()
            state = gan.arrays() | {f"{BEST}{name}": array for name, array in best.items()}
            snapshots.save(folder, course.work, state, course.to_json())
            last_snapshot = time.monotonic()
            snapshot_seconds = last_snapshot - began
    events.close()

    # What ships: the best step's EMA generator, and the discriminator as critic.
    storage.write_bytes(folder / "model.npz", storage.pack_arrays((best or gan.ema_arrays()) | gan.critic_arrays()))
    write_timelapse(sorted((folder / "samples").glob("step-*.png")), folder / "timelapse.webp")
    record = TrainingRecord(
        steps=course.work,
        shipped_step=course.step if course.best_step is None else course.best_step,
        stopped=stopped,
        scores=course.scores,
        incidents=course.incidents,
        precision=precision,
        batch_size=training.batch_size,
        num_images=sum(map(len, images)),
        seconds=round(course.seconds, 1),
        process_seconds=round(_process_seconds(), 1),
        images_per_second=round(course.work * training.batch_size / course.seconds, 1) if course.seconds else None,
        model_sha256=storage.sha256(folder / "model.npz"),
        run_id=run.id,
        further=start is not None and not start.of_base,
        peak_memory_mb=_peak_memory_mb(),
    )
    records.write(record_file, record)
    return record


def _why_ended(course: Course, num_steps: int) -> Stopped | None:
    """Why there is nothing more to train, if so."""
    if course.step >= num_steps:
        return Stopped.ALL_DONE
    if course.unimproved >= policy.PATIENCE and course.step - course.lowest_step >= policy.PATIENCE_STEPS:
        return Stopped.NO_BETTER
    return None


def _parted(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A snapshot's arrays: the GAN's, and the best step's generator."""
    best = {name.removeprefix(BEST): array for name, array in arrays.items() if name.startswith(BEST)}
    return {name: array for name, array in arrays.items() if not name.startswith(BEST)}, best


def _branch_name(draws: str, course: Course) -> str:
    """Names the streams of draws: after an incident, others than before it."""
    return f"{draws}\x00{course.branch}" if course.branch else draws


def _process_seconds() -> float:
    """How long this process has lived, TensorFlow's start included."""
    return time.time() - psutil.Process().create_time()


def _peak_memory_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _cut_journal(journal: Path, work: int) -> None:
    """Drop what a killed process logged after its last snapshot."""
    if not journal.exists():
        return
    rows = []
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # half a line: the process died as it wrote
            break
        if row["work"] <= work:
            rows.append(line + "\n")
    storage.write_text(journal, "".join(rows))
