"""Virtual environments with the wheel and what it requires, and nothing else.

The required packages are not downloaded again: they are links to those of the environment that runs the tests. What a
wheel fails to require is not there, just as on a user's machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class Environment:
    """A virtual environment, outside the clone."""

    root: Path

    @property
    def packages(self) -> Path:
        return self.root / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def run(self, program: str, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs to the end, in its own folder, with no other path to Python's packages.

        Args:
            program: such as `dcgan`.
            arguments: of the program.
            variables: of the environment, beside those of the tests.
        """
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(self.root / "bin" / program), *map(str, arguments)]
        return subprocess.run(
            command, env=inherited | variables, cwd=self.root, capture_output=True, text=True, timeout=300, check=False
        )


def make_environment(root: Path, wheel: Path, extras: Collection[str] = ()) -> Environment:
    """Install a wheel with some of its extras.

    Args:
        root: of the environment; must not exist.
        wheel: to install.
        extras: whose packages are installed too.
    """
    environment = Environment(root)
    venv.create(root, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--quiet", str(wheel)], capture_output=True, check=True)
    [installed] = metadata.distributions(path=[str(environment.packages)])
    for required in sorted(_required_by(installed, extras)):
        _link(metadata.distribution(required), environment.packages)
    return environment


def _required_by(distribution: metadata.Distribution, extras: Collection[str]) -> set[str]:
    """Names of all distributions that one needs, and that those need."""
    found: set[str] = set()
    own = canonicalize_name(distribution.metadata["Name"])
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(distribution, frozenset(extras))]
    while waiting:
        dependent, with_extras = waiting.pop()
        for requirement in _requirements(dependent, with_extras):
            name = canonicalize_name(requirement.name)
            key = name, frozenset(requirement.extras)
            if key in seen:
                continue
            seen.add(key)
            if name == own:
                waiting.append((distribution, key[1]))
                continue
            found.add(name)
            waiting.append((metadata.distribution(name), key[1]))
    return found


def _requirements(distribution: metadata.Distribution, extras: Collection[str]) -> Iterator[Requirement]:
    for line in distribution.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def _link(distribution: metadata.Distribution, packages: Path) -> None:
    """Let an environment have a distribution, as far as it lies among Python's packages."""
    for name in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
        link = packages / name
        if not link.exists():  # such as `google`, where several distributions put something
            link.symlink_to(Path(str(distribution.locate_file(name))))
