"""The command line answers at once, and ends with the status that it promises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import DCGAN

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"], ["--nonsense"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = """if True:
        import sys
        from dcgan.cli import main
        try:
            main(sys.argv[1:])
        finally:
            heavy = {"tensorflow", "keras", "prefect", "pandas", "numpy", "pydantic", "matplotlib", "rich", "PIL"}
            print("heavy:", *sorted(heavy & set(sys.modules)), file=sys.stderr)
    """
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == (2 if arguments == ["--nonsense"] else 0)
    assert done.stderr.splitlines()[-1] == "heavy:"


def test_process_of_a_night_never_loads_tensorflow() -> None:
    """Its workers do: the parent's memory should not grow, nor its terminal fill with what TensorFlow says."""
    script = "import sys, dcgan.flows.nightly, dcgan.cli.work; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_library_imports_nothing_heavy_until_it_is_asked(tmp_path: Path) -> None:
    script = "import dcgan, sys; assert not {'pandas', 'tensorflow', 'keras'} & set(sys.modules); dcgan.load_release"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def test_readers_of_tables_and_plans_do_not_wait_for_tensorflow_or_prefect() -> None:
    script = (
        "import sys, dcgan.data.catalogue, dcgan.data.split, dcgan.run.plan, dcgan.release.reader, dcgan.cli.work\n"
        "assert not {'tensorflow', 'keras', 'prefect'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_command_of_the_design_is_there_and_says_what_it_does(dcgan: Run) -> None:
    told = dcgan("--help").stdout
    stages = ("train", "generate", "evaluate", "release")
    for name in ("run", "demo", "check", *stages, "verify", "report", "history", "serve"):
        assert name in told
        assert dcgan(name, "--help").stdout.startswith("Usage: dcgan " + name)


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["run"], ["run", "a.yaml", "--nonsense"]])
def test_wrong_usage_ends_with_2_and_tells(arguments: list[str]) -> None:
    done = subprocess.run([*DCGAN, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Usage:" in done.stderr and "Traceback" not in done.stderr
