"""Log a release to MLflow: what was measured, what to train with, and the report.

    python examples/log_to_mlflow.py outputs/signs/latest

Needs mlflow and dcgan-augment without extras, best in an environment of their own: MLflow may hold back packages that
jobs run with. `MLFLOW_TRACKING_URI` names the server. A release is logged once, however often this is called.
"""

import argparse
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import mlflow

import dcgan


def metrics(release: dcgan.Release) -> Iterator[tuple[str, float]]:
    """What a night measured, by name."""
    record = release.record
    yield "images", release.num_images
    took = datetime.fromisoformat(record.finished) - datetime.fromisoformat(record.started)
    yield "hours", took.total_seconds() / 3600
    if record.advice:
        yield f"{record.advice.measure}/classical augmentation", record.advice.classical
        yield f"{record.advice.measure}/as advised", record.advice.advised
        yield f"{record.advice.measure}/gain", record.advice.gain.gain
    for metric, measure in record.measures.overall.items():
        if measure.value is not None:
            yield f"measures/{metric}", measure.value


def main() -> None:
    """Log a run of the experiment that is called as the job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path, help="folder of a release, such as outputs/signs/latest")
    arguments = parser.parse_args()
    release = dcgan.load_release(arguments.release)
    record = release.record

    experiment = mlflow.set_experiment(record.job)
    logged = mlflow.search_runs([experiment.experiment_id], f"tags.run_id = '{record.run_id}'", output_format="list")
    if logged:
        print(f"{record.run_id} is logged already, as {logged[0].info.run_id}")
        return
    with mlflow.start_run(run_name=record.run_id, tags={"run_id": record.run_id, "state": record.state}) as run:
        recipe = release.recipe
        mlflow.log_params({"mixup": recipe.mixup, "guessed": recipe.guessed, "synthetic share": recipe.synthetic})
        mlflow.log_metrics(dict(metrics(release)))
        mlflow.log_dict({label: entry.verdict.value for label, entry in record.classes.items()}, "verdicts.json")
        mlflow.log_artifact(str(release.path / "report.html"))
    print(f"{record.run_id} is logged as {run.info.run_id}")


if __name__ == "__main__":
    main()
