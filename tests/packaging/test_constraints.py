"""What `make install` installs is what `pyproject.toml` asks for, and each file is one that was seen before."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DEVELOPMENT, DEPLOYED, SBOM = LOCKS = tuple(
    ROOT / name for name in ("constraints.txt", "deploy/requirements.txt", "deploy/sbom.txt")
)


def pins(lock: Path = DEVELOPMENT) -> dict[str, list[tuple[Requirement, str]]]:
    """By name of a package: each requirement that pins it, one for each version, and the lines that follow."""
    found: dict[str, list[tuple[Requirement, str]]] = {}
    text = lock.read_text(encoding="utf-8")
    for line, rest in re.findall(r"^([\w.-]+==[^\\\n]+) \\\n((?: .*\n?)+)", text, re.MULTILINE):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append((requirement, rest))
    return found


def asked_for() -> list[Requirement]:
    """Every requirement in `pyproject.toml`."""
    values = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [*values["build-system"]["requires"], *values["project"]["dependencies"]]
    for group in (*values["project"]["optional-dependencies"].values(), *values["dependency-groups"].values()):
        lines += [line for line in group if isinstance(line, str) and not line.startswith("dcgan-augment[")]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("asked", asked_for(), ids=str)
def test_pinned_version_is_within_its_bounds(asked: Requirement) -> None:
    name = canonicalize_name(asked.name)
    found = pins(SBOM) if name == "cyclonedx-bom" else pins()
    for pinned, _ in found[name]:
        [specifier] = pinned.specifier
        assert asked.specifier.contains(specifier.version, prereleases=True), "`make lock` writes constraints.txt again"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_line_is_a_pin_with_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    parsed = [pin for found in pins(lock).values() for pin in found]
    assert len(lines) == len(parsed) > 30
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", rest) for _, rest in parsed)
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_container_has_the_same_versions() -> None:
    assert {"prefect", "tensorflow", "s3fs", "hatchling"} <= set(pins(DEPLOYED))
    for name, found in pins(DEPLOYED).items():
        assert {str(pin.specifier) for pin, _ in found} <= {str(pin.specifier) for pin, _ in pins()[name]}


def test_several_platforms_have_their_files() -> None:
    [(_, rest)] = pins()["numpy"]
    assert rest.count("--hash=sha256:") > 20


def test_tests_run_on_the_pinned_versions() -> None:
    """Else `make install` is due, or a dependency has been installed by hand."""
    other = {
        name: (metadata.version(name), str(pin.specifier))
        for name, found in pins().items()
        for pin, _ in found
        if (pin.marker is None or pin.marker.evaluate()) and not pin.specifier.contains(metadata.version(name), True)
    }
    assert not other
