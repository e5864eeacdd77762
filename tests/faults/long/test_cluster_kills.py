"""Kill -9 on a cluster, of its workers and of who runs the job, at random moments: not a byte is another.

Workers share nothing but an S3 server. Who is killed is replaced: a worker by a new one with empty folders, the run by
the same command. `DCGAN_CLUSTER_KILLS` says how many kills; `DCGAN_SEED` which moments.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DCGAN, TINY, write_job
from tests.dask_cluster import DEADLINE_SECONDS, Cluster, alive, kill_family, running_cluster
from tests.object_store import Store, Watcher, objects
from tests.prefect_server import Server

pytestmark = pytest.mark.long

NUM_KILLS = int(os.environ.get("DCGAN_CLUSTER_KILLS", "40"))
SEED = int(os.environ.get("DCGAN_SEED", "0"))
KILLS_OF_A_JOB = 8  # at most, before it is let alone
WITHIN_SECONDS = 40  # about as long as a run that nobody kills
BUCKET = "kills"

# A snapshot after every few steps, so that there is something to go on with.
TRAINING: dict[str, Any] = TINY["training"] | {"base_steps": 80, "class_steps": 120, "log_steps": 5}


def start(job: Path, environment: dict[str, str], *settings: str) -> subprocess.Popen[Any]:
    """Start the run, or go on with it; what it says goes to a file beside the job."""
    command = [*DCGAN, "run", str(job), "--json", *(f"--set={setting}" for setting in settings)]
    with (job.parent / "summary.json").open("w") as told, (job.parent / "log").open("a") as said:
        return subprocess.Popen(command, env=environment, stdout=told, stderr=said)


def released(names: dict[str, bytes]) -> dict[str, bytes]:
    """Images and models of a release, by path."""
    return {name: content for name, content in names.items() if name.startswith(("images/", "models/"))}


def ended(process: subprocess.Popen[Any], job: Path) -> dict[str, Any]:
    """Wait for a run, which must end well; its summary."""
    assert process.wait(DEADLINE_SECONDS) in (0, 3), (job.parent / "log").read_text()[-3000:]
    return dict(json.loads((job.parent / "summary.json").read_text()))


def kill_one(cluster: Cluster, process: subprocess.Popen[Any], draws: random.Random) -> str:
    """Kill the run or a worker, half of the time alone, so that its children have to notice. Says which."""
    workers = [worker for worker in cluster.workers if alive(worker)]
    victim = draws.choice([process, *workers])
    if draws.random() < 0.5:
        kill_family(victim)
    victim.kill()
    victim.wait()
    return "run" if victim is process else "worker"


def test_kills_change_no_byte_and_leave_nothing_behind(
    store: Store, prefect_server: Server, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    draws, victims, jobs = random.Random(SEED), Counter[str](), 0
    store.system().mkdir(BUCKET)
    reach = prefect_server.environment | store.environment()
    (tmp_path / "near").mkdir()
    near = write_job(tmp_path / "near", training=TRAINING, run={"processes": 2, "threads": 1})
    release = Path(ended(start(near, reach), near)["release"])
    expected = released({p.relative_to(release).as_posix(): p.read_bytes() for p in release.rglob("*") if p.is_file()})
    with running_cluster(tmp_path_factory.mktemp("cluster"), reach) as cluster:
        cluster.add_workers(2)
        while victims.total() < NUM_KILLS:
            jobs += 1
            outputs = f"{BUCKET}/{jobs}"
            root = tmp_path / f"far-{jobs}"
            root.mkdir()
            (root / "images").symlink_to(near.parent / "images")
            job = write_job(root, training=TRAINING, run={"processes": 2, "threads": 1})
            own = {name: str(root / name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR")}
            (root / "TMPDIR").mkdir()
            settings = (f"run.on={cluster.address}", f"outputs.root=s3://{outputs}")
            watcher, over = Watcher(store, f"{outputs}/tiny"), threading.Event()
            thread = threading.Thread(target=watcher.watch, args=(over,))
            thread.start()
            try:
                process = start(job, cluster.environment | own, *settings)
                for _ in range(KILLS_OF_A_JOB):
                    time.sleep(draws.uniform(0, WITHIN_SECONDS))
                    if not alive(process):
                        break
                    victims[kill_one(cluster, process, draws)] += 1
                    cluster.add_workers(2 - sum(map(alive, cluster.workers)))
                    if not alive(process):
                        process = start(job, cluster.environment | own, *settings)
                summary = ended(process, job)
            finally:
                kill_family(process)
                over.set()
                thread.join()
            assert not watcher.halves, (victims, watcher.halves[:5])
            top = f"{outputs}/tiny/releases/{summary['run_id']}"
            far = released({name: store.system().cat_file(f"{top}/{name}") for name in objects(store.system(), top)})
            assert far.keys() == expected.keys(), victims
            assert not [name for name in far if far[name] != expected[name]], victims
            left = set(objects(store.system(), f"{outputs}/tiny/work"))
            assert left == {"coordinator.json"}, (victims, left)
            assert not list((root / "TMPDIR").iterdir()), victims
    print(f"{victims.total()} kills over {jobs} jobs, of {dict(victims)}")
    if NUM_KILLS >= 10:
        assert set(victims) == {"run", "worker"}
