"""What the engine itself costs for many classes and images: Prefect with SQLite, the manifest, the file system.

  python -m benchmarks.orchestration [--classes N ...] [--rows N ...] [--files N ...] [--json FILE]

Only the engine is under test. Training and generation are sleeps of the length that a class takes in `scaling.py`,
scaled down by `SCALE`, in the nightly flow's own tasks: same task runner, same server, same database, and no image.
Manifests are made up, and so are the files: as large as a small PNG, in one folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks import common
from benchmarks.release import alone, build_manifest, opened, with_manifest
from dcgan.config import parse_job
from dcgan.flows.server import new_password, protection
from dcgan.pipeline.stages import MAKE, of_class
from dcgan.run.paths import Run

SCALE = 100
CLASS_SECONDS = 17  # of a process, by scaling.py
PROCESSES = 16  # side by side, so that the sleeps are short beside what the engine does
FILE_BYTES = 700  # of a PNG of 28 x 28 px
SAMPLE_SECONDS = 0.2
WAIT_SECONDS = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--files", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--out", type=Path, help="folder to work in (default: a temporary one)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--engine", type=int, help=argparse.SUPPRESS)  # what a process of its own is asked
    args = parser.parse_args()
    if args.engine:
        print(json.dumps(engine(args.engine)))
        return
    out = Path(tempfile.mkdtemp(dir=args.out))
    figures: dict[str, Any] = {}
    try:
        figures["engine"] = [measured_engine(count, out / f"prefect-{count}") for count in args.classes]
        show(figures["engine"])
        figures["manifest"] = [manifest(count, out / f"manifest-{count}") for count in args.rows]
        show(figures["manifest"])
        figures["files"] = [files(count, out / f"files-{count}") for count in args.files]
        show(figures["files"])
    finally:
        shutil.rmtree(out)
    if args.json:
        content = {"machine": common.machine(), "versions": common.versions(["prefect", "sqlalchemy"])}
        common.write_json(args.json, "orchestration", content | figures)


def show(rows: list[dict[str, float]]) -> None:
    if rows:
        told = [[f"{value:,.2f}" if value < 10 else f"{value:,.0f}" for value in row.values()] for row in rows]
        print(common.table(list(rows[0]), told), flush=True)


def measured_engine(num_classes: int, home: Path) -> dict[str, float]:
    """The engine in a process of its own, with a server and a database of its own."""
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = os.environ | {
        "PREFECT_HOME": str(home),
        **protection(int(port), new_password()),
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    prefect = str(Path(sys.executable).with_name("prefect"))
    command = [prefect, "server", "start", "--host", "127.0.0.1", "--port", port]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        server = psutil.Process(started.pid)
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/api/health"))
            before = computed(server)
            command = [sys.executable, "-m", "benchmarks.orchestration", "--engine", str(num_classes)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            # The flow is done when its tasks are; the server writes down what it was told of them on its own time.
            behind = wait_for(lambda: recorded(home / "prefect.db") >= num_classes)
            found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
            server_seconds = computed(server) - before
        finally:
            for process in (*server.children(recursive=True), server):
                process.terminate()
    database = sum(file.stat().st_size for file in home.glob("prefect.db*"))
    return found | {
        "processor per task, server, ms": 1000 * server_seconds / num_classes,
        "recorded so much later, s": behind,
        "database, MB": database / 1e6,
    }


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10):
            return True
    except OSError:
        return False


def recorded(database: Path) -> int:
    """Completed task runs that a database has."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM task_run WHERE state_type = 'COMPLETED'").fetchone()[0])


def wait_for(is_so: Callable[[], bool]) -> float:
    """Seconds until something is true."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > WAIT_SECONDS:
            sys.exit("the server does not keep up")
        time.sleep(SAMPLE_SECONDS)
    return time.monotonic() - began


def computed(process: psutil.Process) -> float:
    """Processor seconds of a process and its children: a measure that other work on the machine hardly touches."""
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


def engine(num_classes: int) -> dict[str, float]:
    """The nightly flow's fan-out over classes that take no work: figures of this process."""
    from prefect import flow  # noqa: PLC0415 (reads its settings when it is imported)
    from prefect.task_runners import ThreadPoolTaskRunner  # noqa: PLC0415

    from dcgan.flows import tasks  # noqa: PLC0415

    def asleep(*_: Any) -> None:
        time.sleep(CLASS_SECONDS / SCALE)

    setattr(tasks, "perform_anywhere", asleep)  # noqa: B010 (so that mypy takes it)
    values = {"name": "engine", "data": {"source": "none"}, "run": {"processes": PROCESSES, "threads": 1}}
    job = parse_job(values, where="benchmark").resolve(Path())
    process, memory, moments, ended = psutil.Process(), [], {}, threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            memory.append(process.memory_info().rss)

    runner: Any = ThreadPoolTaskRunner(max_workers=PROCESSES)  # Prefect's types take no runner's subclass

    @flow(task_runner=runner)
    def fan_out() -> None:
        run, labels = Run(Path("none", "runs", "1")), [f"{number:05d}" for number in range(num_classes)]
        moments["began"], memory[:] = time.monotonic(), [process.memory_info().rss]
        moments["processor"] = computed(process)
        making = [tasks.start(MAKE, run, job, of_class(label, num_wanted=1, max_seconds=None)) for label in labels]
        moments["submitted"] = time.monotonic()
        for one in making:
            one.result()
        moments["ended"] = time.monotonic()
        moments["processor"] = computed(process) - moments["processor"]

    threading.Thread(target=watch, daemon=True).start()
    fan_out()
    ended.set()
    seconds = moments["ended"] - moments["began"]
    asleep_seconds = num_classes * CLASS_SECONDS / SCALE / PROCESSES
    return {
        "classes": num_classes,
        "all submitted after, s": moments["submitted"] - moments["began"],
        "all done after, s": seconds,
        "of these asleep, s": asleep_seconds,
        "per task, ms": 1000 * seconds / num_classes,
        "processor per task, flow, ms": 1000 * moments["processor"] / num_classes,
        "flow process before, MB": memory[0] / 1e6,
        "flow process at most, MB": max(memory) / 1e6,
    }


def manifest(num_rows: int, folder: Path) -> dict[str, float]:
    """Manifests of 1,000 classes: written, and opened in whole."""
    written, written_peak = alone(build_manifest, folder, 1000, num_rows)
    size = sum(file.stat().st_size for file in folder.glob("manifest.*"))
    first, _ = alone(opened, folder, 1000, num_rows)
    whole, whole_peak = alone(with_manifest, folder, 1000, num_rows)
    shutil.rmtree(folder)
    return {
        "rows": num_rows,
        "written, s": written,
        "peak of that, MB": written_peak,
        "Parquet and CSV, MB": size / 1e6,
        "load_release, s": first,
        "and its manifest, s": whole,
        "peak of that, MB ": whole_peak,
    }


def files(count: int, folder: Path) -> dict[str, float]:
    """Small files in one folder: microseconds per file."""
    folder.mkdir()
    content = bytes(FILE_BYTES)
    seconds: dict[str, float] = {}

    def timed(name: str, act: Any) -> None:
        began = time.monotonic()
        act()
        seconds[f"{name}, µs"] = 1e6 * (time.monotonic() - began) / count

    def write() -> None:
        for number in range(count):
            (folder / f"{number:08d}.png").write_bytes(content)

    def read() -> None:
        for entry in os.scandir(folder):
            Path(entry.path).read_bytes()

    timed("written", write)
    timed("synced", os.sync)
    timed("listed", lambda: os.listdir(folder))
    timed("read", read)
    timed("removed", lambda: shutil.rmtree(folder))
    return {"files in one folder": count} | seconds


if __name__ == "__main__":
    main()
