"""What `examples/` holds runs from top to bottom on a real release."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import datasets
import nbformat
import pytest
from nbclient import NotebookClient

import dcgan
from tests.conftest import Finished
from tests.object_store import free_port
from tests.prefect_server import wait_for

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = EXAMPLES / "morning.ipynb"


def run(script: str, *arguments: str | Path, **variables: str) -> str:
    """Run an example with variables of the environment; what it prints."""
    command = [sys.executable, str(EXAMPLES / script), *map(str, arguments)]
    environment = os.environ | variables
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def accuracies(printed: str) -> list[float]:
    """Of a table of arms, in percent."""
    return [float(found) for found in re.findall(r"^[a-z ]+? +([\d.]+)%", printed, re.MULTILINE)]


def test_notebook_runs_from_top_to_bottom(finished: Finished, tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=os.environ | {"RELEASE": str(finished.release), "STEPS": "60"})
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    tables = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert len(pictures) == 3 and len(tables) == 2
    assert all(arm in tables[1] for arm in ("classical augmentation", "and all images", "as advised"))


def test_notebook_is_stored_without_what_it_printed() -> None:
    """Else each run of it changes the file."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_keras_example_trains_and_compares(finished: Finished) -> None:
    printed = run("train_classifier.py", finished.release, "--steps", "60")
    assert "131 real training images, 110 synthetic ones, 69 held-out real images" in printed
    assert len(accuracies(printed)) == 3 and min(accuracies(printed)) > 33.4  # chance is a third


@pytest.mark.parametrize("reader", ["manifest", "folder"])
def test_pytorch_example_trains_and_compares(finished: Finished, reader: str) -> None:
    pytest.importorskip("torchvision", reason="the index has no PyTorch for Linux without gigabytes of CUDA")
    printed = run("train_pytorch.py", finished.release, "--steps", "60", "--reader", reader)
    assert "131 real training images, 110 synthetic ones, 69 held-out real images" in printed
    assert len(accuracies(printed)) == 4 and min(accuracies(printed)) > 33.4


def test_hugging_face_example_makes_a_dataset_of_both_kinds(finished: Finished, tmp_path: Path) -> None:
    run("hugging_face.py", finished.release, "--out", tmp_path / "both")
    both = datasets.load_from_disk(str(tmp_path / "both"))
    release = dcgan.load_release(finished.release)
    names = both["train"].features["label"].names
    counted = Counter((names[row["label"]], row["synthetic"]) for row in both["train"].remove_columns("image"))
    assert names == release.class_names
    assert counted == {("0", False): 39, ("1", False): 31, ("7", False): 61, ("0", True): 70, ("1", True): 40}
    assert len(both["test"]) == 69 and not any(both["test"]["synthetic"])
    assert both["train"][200]["image"].size == (8, 8) and both["train"][200]["image"].mode == "L"


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[str]:
    """Address of a real MLflow server."""
    pytest.importorskip("mlflow", reason="MLflow holds back pyarrow, so that `make install` does not install it")
    port = free_port()
    store = ["--backend-store-uri", f"sqlite:///{tmp_path}/runs.db", "--artifacts-destination", str(tmp_path / "files")]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_for("MLflow", lambda: _answers(f"{address}/health"))
        yield address
        server.terminate()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_mlflow_example_logs_a_release_once(finished: Finished, mlflow_server: str) -> None:
    import mlflow  # noqa: PLC0415 (where it is installed)

    for _ in range(2):
        assert " logged " in run("log_to_mlflow.py", finished.release, MLFLOW_TRACKING_URI=mlflow_server)
    mlflow.set_tracking_uri(mlflow_server)
    [logged] = mlflow.search_runs(experiment_names=["tiny"], output_format="list")
    assert logged.info.run_name == finished.summary["run_id"] and logged.data.metrics["images"] == 110
    assert {file.path for file in mlflow.artifacts.list_artifacts(run_id=logged.info.run_id)} == {
        "report.html",
        "verdicts.json",
    }
