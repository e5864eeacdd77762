"""Files that set the parts up as services: in their form, and of one mind with the code."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.local import Place
from tests.prefect_server import ROOT

DEPLOY = ROOT / "deploy"
VARIABLES = {"POSTGRES_PASSWORD": "secret", "DCGAN_JOBS": "/srv/dcgan", "DCGAN_JOB": "signs"}
SERVER = {
    name: value
    for name, value in Place(Path("home"), 4200).environment.items()
    if name.startswith("PREFECT_SERVER_") and "ANALYTICS" not in name
}


def compose() -> dict[str, Any]:
    """The compose file as Docker resolves it."""
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed: apt-get install docker-compose, or `make test` as root on Debian")
    command = ["docker-compose", "--file", str(DEPLOY / "compose.yaml"), "config", "--format", "json"]
    done = subprocess.run(command, env=os.environ | VARIABLES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "level=warning" not in done.stderr
    return dict(json.loads(done.stdout))


def test_compose_file_is_one_and_names_what_there_is() -> None:
    services = compose()["services"]
    assert set(services) == {"database", "server", "deployment", "worker"}
    for name in ("server", "deployment", "worker"):
        build = services[name]["build"]
        assert (Path(build["context"]), build["dockerfile"]) == (ROOT, "deploy/Dockerfile")
    assert SERVER.items() <= services["server"]["environment"].items()
    [port] = services["server"]["ports"]
    assert port["host_ip"] == "127.0.0.1"
    assert "--param job_file=" in services["deployment"]["command"][-1]


def test_compose_file_wants_its_secret_from_the_environment() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert "${POSTGRES_PASSWORD:?" in text
    assert yaml.safe_load(text)["services"]["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${")


@pytest.mark.parametrize("unit", ["prefect-server.service", "dcgan@.service"])
def test_units_start_programs_of_the_package(unit: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(DEPLOY / "systemd" / unit)
    assert set(parser.sections()) == {"Unit", "Service", "Install"}
    programs = r"/opt/dcgan-augment/\.venv/bin/(prefect server start|dcgan serve job\.yaml) "
    assert re.match(programs, parser["Service"]["ExecStart"])
    assert parser["Service"]["Restart"] == "always"


def test_server_of_the_unit_is_set_up_as_that_of_make_up() -> None:
    text = (DEPLOY / "systemd" / "prefect-server.service").read_text(encoding="utf-8")
    given = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE))
    assert SERVER.items() <= given.items()


def test_image_copies_what_there_is() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert copied and all((ROOT / name).exists() for names in copied for name in names.split())
