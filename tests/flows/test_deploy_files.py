"""Files that set the parts up as services: in their form, and of one mind with the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dcgan.flows.server import protection, upkeep
from tests.prefect_server import ROOT

DEPLOY = ROOT / "deploy"
VARIABLES = {
    "POSTGRES_PASSWORD": "secret",
    "PREFECT_PASSWORD": "dcgan:secret",
    "DCGAN_JOBS": "/srv/dcgan",
    "DCGAN_JOB": "signs",
}
PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"
SERVER = {
    name: value
    for name, value in (protection(4200, "secret") | upkeep()).items()
    if name.startswith("PREFECT_SERVER_") and name != PASSWORD
}


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"])


def test_compose_file_names_what_there_is(services: dict[str, Any]) -> None:
    assert set(services) == {"database", "server", "deployment", "worker"}
    for name in ("server", "deployment", "worker"):
        build = services[name]["build"]
        assert (DEPLOY / build["context"]).resolve() == ROOT and (ROOT / build["dockerfile"]).is_file()
        assert set(services[name].get("depends_on", {})) <= set(services)
    assert SERVER.items() <= services["server"]["environment"].items()
    assert all(str(port).startswith("127.0.0.1:") for port in services["server"]["ports"])
    assert "dcgan.flows.scheduled.scheduled" in services["deployment"]["command"][-1]


def test_docker_understands_the_compose_file() -> None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and not subprocess.run([*command, "version"], check=False).returncode:
            break
    else:
        pytest.skip("Docker Compose is not installed")
    command += ["--file", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, env=os.environ | VARIABLES, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_compose_file_wants_its_secrets_from_the_environment(services: dict[str, Any]) -> None:
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert services["server"]["environment"][PASSWORD].startswith("${PREFECT_PASSWORD:?")
    for client in ("deployment", "worker"):
        assert services[client]["environment"]["PREFECT_API_AUTH_STRING"] == "${PREFECT_PASSWORD}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", ["prefect-server.service", "dcgan@.service"])
def test_systemd_understands_the_units(unit: str, tmp_path: Path) -> None:
    file = tmp_path / unit.replace("@.", "@signs.")
    # Programs that are there, since systemd looks for them too.
    text = (DEPLOY / "systemd" / unit).read_text(encoding="utf-8")
    assert "/opt/dcgan-augment/.venv/bin/" in text
    file.write_text(text.replace("/opt/dcgan-augment/.venv/bin", str(Path(sys.executable).parent)))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_server_of_the_unit_is_set_up_as_that_of_make_up() -> None:
    text = (DEPLOY / "systemd" / "prefect-server.service").read_text(encoding="utf-8")
    given = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE))
    assert SERVER.items() <= given.items()


@pytest.mark.parametrize("unit", ["prefect-server.service", "dcgan@.service"])
def test_units_do_not_start_without_the_file_of_the_password(unit: str) -> None:
    text = (DEPLOY / "systemd" / unit).read_text(encoding="utf-8")
    assert "\nEnvironmentFile=/etc/dcgan/prefect.env\n" in text and PASSWORD + "=" not in text


def test_image_copies_what_there_is() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert copied and all((ROOT / name).exists() for names in copied for name in names.split())


def test_server_that_is_started_by_hand_is_protected_alike() -> None:
    page = (ROOT / "docs" / "how-to" / "schedule.md").read_text(encoding="utf-8")
    section = page.partition("## Start a Prefect server")[2].partition("\n## ")[0]
    given = dict(re.findall(r"^export (\w+)=(.*)$", section, re.MULTILINE))
    assert given.pop(PASSWORD) == '"$(cat ~/prefect-password)"'
    assert given.items() <= SERVER.items() and set(SERVER) - set(given) == {name for name in SERVER if "VACUUM" in name}
