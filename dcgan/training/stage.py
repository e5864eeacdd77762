"""The training stage: from a class's images to the weights that generate it."""

from __future__ import annotations

import math
import time

from dcgan.config import ResolvedJob
from dcgan.data import unlabelled
from dcgan.data.split import labels_with_images, load_training, load_validation
from dcgan.errors import TrainingError
from dcgan.execution import process
from dcgan.execution.progress import OnProgress
from dcgan.files import storage
from dcgan.networks.classifier import load_folds
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import FingerprintsRecord, Stopped, TrainingRecord
from dcgan.training import given, policy, snapshots, watch
from dcgan.training.events import write_timelapse
from dcgan.training.journal import Journal
from dcgan.training.score import FoldScorer
from dcgan.training.state import BASE, Inputs, Start, State


def train_base(run: Run, job: ResolvedJob, max_seconds: float | None, on_progress: OnProgress) -> TrainingRecord:
    """Train the shared base on the training images of all classes, every class drawn equally often, and on images
    without labels, if there are any. It begins with another job's base, if one is given.

    It is a start for the classes and makes no images itself, so its last step ships and no score is taken. It sees no
    labels: with them it would memorise the classes of few images, and pass on little variation.
    """
    given.describe(run, job)
    arrays = given.load(run, job)
    return _train(
        Inputs(
            run=run,
            job=job,
            folder=run.base,
            label=BASE,
            images=load_training(run, labels_with_images(run)),
            beside=unlabelled.load(run),
            num_steps=job.training.base_steps,
            start=Start(arrays, of_base=True) if arrays else None,
            draws=BASE,
            max_seconds=max_seconds,
            on_progress=on_progress,
        )
    )


def train_class(
    run: Run, job: ResolvedJob, label: str, max_seconds: float | None, on_progress: OnProgress
) -> TrainingRecord:
    """Train one class: on from an earlier run's training if the run was given one, else from the shared base, if any.

    Training on takes fewer steps (`policy.further_steps`), with draws of their own.
    """
    [images] = load_training(run, [label])
    num_steps, start, draws = job.training.class_steps, None, label
    if (before := snapshots.load_newest(run.start(label))) is not None:
        start = Start(before[0], of_base=False)
        num_steps = policy.further_steps(num_steps, job.training.log_steps)
        fingerprint = records.read(run.fingerprints, FingerprintsRecord).classes[label].training
        draws = f"{label}\x00{fingerprint}"
    elif job.training.base:
        if (newest := snapshots.load_newest(run.base)) is None:
            raise TrainingError(f"{run.base}: the shared base has no whole snapshot; remove this folder and run again")
        start = Start(newest[0], of_base=True)
    return _train(
        Inputs(
            run=run,
            job=job,
            folder=run.training(label),
            label=label,
            images=[images],
            scorer=FoldScorer(load_folds(run, images.shape[1:]), load_validation(run, label)),
            num_steps=num_steps,
            start=start,
            draws=draws,
            max_seconds=max_seconds,
            on_progress=on_progress,
        )
    )


def _train(inputs: Inputs) -> TrainingRecord:
    """Train, from the folder's newest snapshot if there is one, and leave `model.npz` and `record.json`.

    Raises:
        TrainingError: an incident has happened too often, see `watch`.
    """
    record_file = inputs.folder / "record.json"
    if record_file.exists():
        return records.read(record_file, TrainingRecord)
    storage.remove_unfinished(inputs.folder)

    # Where to begin: the newest snapshot, or the start.
    training, num_steps = inputs.job.training, inputs.num_steps
    look_every = policy.look_steps(num_steps, training.log_steps)
    state = State(inputs)
    course, clock = state.course, state.clock
    journal = Journal(inputs.folder, course.work)
    if course.work == 0:
        state.look(journal)

    # Train, a stretch of steps at a time. Everything that looks at the GAN does so between stretches.
    stopped = course.ended(num_steps)  # a training can be killed after its last step
    inputs.on_progress({"done": course.step, "total": num_steps})
    while stopped is None:
        count = min(training.log_steps, num_steps - course.step, clock.affordable)
        began = time.monotonic()
        d_loss, g_loss = state.run_steps(count)
        elapsed = time.monotonic() - began
        course.advance(count, elapsed, d_loss)

        # If something went wrong, go back one stretch, or to the start, with new draws and smaller steps.
        due = course.step % look_every == 0 or course.step == num_steps
        if not (math.isfinite(d_loss) and math.isfinite(g_loss) and state.gan.is_finite()):
            course.note(watch.DIVERGED, f"losses {d_loss:g} and {g_loss:g}")
            state.go_back()
            continue
        looked = state.look(journal) if due else {}
        if due and (incident := course.incident(num_steps)):
            course.note(*incident)
            state.begin_again()
        state.keep_place()

        # Log and report it.
        rate = round(count * training.batch_size / elapsed, 1)
        row = {
            "step": course.step, "work": course.work, "branch": course.branch, "d_loss": d_loss, "g_loss": g_loss,
            "images_per_second": rate, "seconds": round(course.seconds, 2), "memory_mb": process.peak_memory_mb(),
        }  # fmt: skip
        journal.log(course.work, row | looked)
        left = (num_steps - course.step) * elapsed / count
        inputs.on_progress(
            {"done": course.step, "total": num_steps, "rate": rate, "d_loss": d_loss, "g_loss": g_loss,
             "seconds_left": left}
        )  # fmt: skip

        # Stop, or save and go on.
        stopped = course.ended(num_steps)
        clock.take(elapsed / count)
        if not stopped and clock.affordable < 1:
            stopped = Stopped.TIME_RAN_OUT
        if stopped or clock.snapshot_due():
            state.save()
    journal.close()

    # Leave what ships, and how it came about.
    storage.write_bytes(inputs.folder / "model.npz", storage.pack_arrays(state.shipped()))
    write_timelapse(sorted((inputs.folder / "samples").glob("step-*.png")), inputs.folder / "timelapse.webp")
    record = _record(inputs, state, stopped)
    records.write(record_file, record)
    return record


def _record(inputs: Inputs, state: State, stopped: Stopped) -> TrainingRecord:
    """The record of a training whose model has been written."""
    course, batch_size = state.course, inputs.job.training.batch_size
    return TrainingRecord(
        steps=course.work,
        shipped_step=course.step if course.best_step is None else course.best_step,
        stopped=stopped,
        scores=course.scores,
        incidents=course.incidents,
        precision=state.precision,
        batch_size=batch_size,
        num_images=sum(map(len, inputs.images)) + (0 if inputs.beside is None else len(inputs.beside)),
        seconds=round(course.seconds, 1),
        process_seconds=round(process.seconds(), 1),
        images_per_second=round(course.work * batch_size / course.seconds, 1) if course.seconds else None,
        model_sha256=storage.sha256(inputs.folder / "model.npz"),
        run_id=inputs.run.id,
        further=inputs.start is not None and not inputs.start.of_base,
        peak_memory_mb=process.peak_memory_mb(),
    )
