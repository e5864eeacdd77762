"""The wheel in environments outside the clone: reading a release needs little, and a job its extra."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BRIEF, write_job
from tests.packaging.environments import Environment, make_environment

ROOT = Path(__file__).parents[2]
HEAVY = ("prefect", "tensorflow", "keras", "matplotlib", "jinja2", "rich", "fastapi", "sqlalchemy")


@dataclass(frozen=True)
class Built:
    """What `python -m build` makes: the wheel from the sdist."""

    sdist: Path
    wheel: Path


@dataclass(frozen=True)
class Night:
    """A tiny job, run by an installation with the extra `job`."""

    environment: Environment
    job: Path
    done: subprocess.CompletedProcess[str]

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.done.stdout))

    @property
    def release(self) -> Path:
        return Path(self.summary["release"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def reader(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return make_environment(tmp_path_factory.mktemp("reader") / "venv", built.wheel)


@pytest.fixture(scope="module")
def night(built: Built, serverless: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Night:
    root = tmp_path_factory.mktemp("night")
    worker = make_environment(root / "venv", built.wheel, ["job"])
    job = write_job(root, **BRIEF)
    # A user's own `flows`, which comes first on the path and in the folder where the command is started.
    for folder in (root / "theirs", worker.root):
        (folder / "flows").mkdir(parents=True)
        (folder / "flows" / "__init__.py").write_text("raise AssertionError('the flows of the user')")
    variables = {"PREFECT_HOME": serverless["PREFECT_HOME"], "PYTHONPATH": str(root / "theirs")}
    return Night(worker, job, worker.run("dcgan", "run", job, "--json", **variables))


def test_wheel_holds_the_package_and_nothing_else(built: Built) -> None:
    expected = {
        f"dcgan/{prefix}{path.relative_to(folder).as_posix()}"
        for folder, prefix in ((ROOT / "dcgan", ""), (ROOT / "flows", "flows/"))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = [name for name in zipfile.ZipFile(built.wheel).namelist() if ".dist-info/" not in name]
    assert sorted(names) == sorted(expected)
    assert {"dcgan/py.typed", "dcgan/flows/nightly.py", "dcgan/release/card.md.j2"} <= set(names)


def test_sdist_holds_the_flows_once(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        members = {member.name.partition("/")[2]: member for member in sdist}
    assert members["dcgan/flows/nightly.py"].isfile() and "flows/nightly.py" not in members
    assert {"Makefile", "constraints.txt", "tests/conftest.py", "LICENSE"} <= set(members)
    assert not any(name.startswith((".git/", ".venv/", "outputs/demo")) for name in members)


def test_reader_has_none_of_what_a_job_needs(reader: Environment) -> None:
    there = {path.name for path in reader.packages.iterdir()}
    assert {"dcgan", "numpy", "pandas", "pyarrow", "PIL", "pydantic"} <= there and "flows" not in there
    assert there.isdisjoint(HEAVY)


READ = """
import sys
import dcgan

release = dcgan.load_release(sys.argv[1], verify=True)
images, labels = release.arrays()
real, _ = release.real(split="holdout")
assert len(images) == len(labels) == len(release.manifest) == 40 and images.shape[1:] == real.shape[1:]
assert len(release.real()[0]) + len(real) == 200
assert dcgan.__version__ in release.record.versions.values()
assert dcgan.__file__.startswith(sys.prefix)
"""


def test_reader_reads_and_verifies_a_release(reader: Environment, night: Night) -> None:
    done = reader.run("python", "-c", READ, night.release)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = reader.run("dcgan", "verify", night.release)
    assert done.returncode == 0 and "as they were released" in done.stdout, done.stderr
    done = reader.run("dcgan", "report", night.release)
    assert done.returncode == 0 and "report.html" in done.stdout, done.stderr
    assert reader.run("dcgan", "--help").returncode == 0


@pytest.mark.parametrize(
    ("command", "extra"),
    [("run", "job"), ("check", "job"), ("train", "job"), ("serve", "job"), ("history", "job"), ("demo", "demo")],
)
def test_command_of_a_missing_extra_says_which_one_to_install(
    reader: Environment, tmp_path: Path, command: str, extra: str
) -> None:
    job = write_job(tmp_path)
    done = reader.run("dcgan", command, *([] if command == "demo" else [job]))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().endswith(f"pip install 'dcgan-augment[{extra}]'") and done.stderr.count("\n") == 1


def test_what_needs_tensorflow_says_so(reader: Environment, night: Night) -> None:
    dataset = "import sys, dcgan; dcgan.load_release(sys.argv[1]).dataset()"
    for done in (
        reader.run("python", "-c", dataset, night.release),
        reader.run("dcgan", "regenerate", night.release),
    ):
        assert done.returncode and done.stderr.strip().endswith("pip install 'dcgan-augment[tensorflow]'"), done.stderr


def test_extra_tensorflow_is_enough_for_a_dataset_and_for_the_models(
    built: Built, night: Night, tmp_path: Path
) -> None:
    trainer = make_environment(tmp_path / "venv", built.wheel, ["tensorflow"])
    assert not (trainer.packages / "prefect").exists()
    script = "import sys, dcgan; next(iter(dcgan.load_release(sys.argv[1]).dataset(batch_size=8)))"
    done = trainer.run("python", "-c", script, night.release)
    assert done.returncode == 0, done.stderr
    done = trainer.run("dcgan", "regenerate", night.release)
    assert done.returncode == 0 and "40 images made again" in done.stdout, done.stderr


def test_extra_job_runs_a_job_though_the_user_has_flows_too(night: Night) -> None:
    assert night.done.returncode == 0, night.done.stderr
    assert night.summary["classes"]["0"]["accepted"] == 40
    assert (night.environment.packages / "dcgan" / "flows" / "nightly.py").is_file()


def test_extra_job_checks_a_job_and_tells_of_the_demo(night: Night) -> None:
    done = night.environment.run("dcgan", "check", night.job)
    assert done.returncode == 0 and "Next: dcgan run" in done.stderr, done.stderr
    done = night.environment.run("dcgan", "demo", "--help")
    assert done.returncode == 0 and "MNIST" in done.stdout
