"""Most users of Prefect have a folder `flows` of their own. It and ours must not be taken for each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dcgan.flows

ROOT = Path(__file__).parents[2]

IMPORT_ALL = """
import importlib, pkgutil, sys
import dcgan.flows
names = [module.name for module in pkgutil.iter_modules(dcgan.flows.__path__, "dcgan.flows.")]
for name in names:
    importlib.import_module(name)
assert "flows" not in sys.modules
print(*names)
"""


def test_flows_of_the_repository_are_those_of_the_package() -> None:
    assert Path(dcgan.flows.__path__[0]).samefile(ROOT / "flows")


def test_a_users_own_flows_are_not_imported(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "__init__.py").write_text("raise AssertionError('the package of the user')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        env=os.environ | {"PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {"dcgan.flows.nightly", "dcgan.flows.scheduled", "dcgan.flows.serving"} <= set(done.stdout.split())
