"""GPUs that there are not: a list of them, and the places on them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dcgan.errors import Interrupted
from dcgan.execution.devices import Slots, gpus, models


@pytest.mark.parametrize(
    ("visible", "found"),
    [("0,2", ["0", "2"]), ("", []), ("-1", []), ("1,-1,0", ["1"]), ("GPU-8a, MIG-1b", ["GPU-8a", "MIG-1b"])],
)
def test_environment_says_which_gpus_there_are(tmp_path: Path, visible: str, found: list[str]) -> None:
    (tmp_path / "nvidia0").touch()
    assert gpus({"CUDA_VISIBLE_DEVICES": visible}, tmp_path) == found


def test_else_device_files_are_counted(tmp_path: Path) -> None:
    assert gpus({}, tmp_path) == []
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "sda1"):
        (tmp_path / name).touch()
    assert gpus({}, tmp_path) == ["0", "1"]  # CUDA counts from 0, whichever of the machine's they are


def test_models_are_as_the_driver_tells(tmp_path: Path) -> None:
    assert models({}, tmp_path) == []
    for number, model in enumerate(["NVIDIA H200", "NVIDIA H200", "NVIDIA A2"]):
        (tmp_path / f"0000:00:0{number}.0").mkdir()
        information = f"Model: \t\t {model}\nIRQ:   \t\t 41\nGPU UUID: \t GPU-0\n"
        (tmp_path / f"0000:00:0{number}.0" / "information").write_text(information, encoding="utf-8")
    assert models({}, tmp_path) == ["NVIDIA A2", "NVIDIA H200"]
    assert models({"CUDA_VISIBLE_DEVICES": "1"}, tmp_path) == ["NVIDIA A2", "NVIDIA H200"]
    assert models({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path) == []


def test_places_are_spread_over_the_gpus_and_no_more_are_given_than_there_are() -> None:
    slots, lock = Slots(["0", "1"]), threading.Lock()
    taken, most = dict.fromkeys("01", 0), dict.fromkeys("01", 0)

    def work() -> None:
        with slots.take(2) as place:
            device = place["CUDA_VISIBLE_DEVICES"]
            with lock:
                taken[device] += 1
                most[device] = max(most[device], taken[device])
            time.sleep(0.02)
            with lock:
                taken[device] -= 1

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == {"0": 2, "1": 2}


def test_places_come_from_the_emptiest_gpu_first() -> None:
    slots = Slots(["a", "b"])
    with slots.take(2) as first, slots.take(2) as second:
        assert {first["CUDA_VISIBLE_DEVICES"], second["CUDA_VISIBLE_DEVICES"]} == {"a", "b"}


def test_place_is_free_again_after_a_failure() -> None:
    slots = Slots(["0"])
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.take(1):
            raise ZeroDivisionError


def test_who_waits_for_a_place_can_be_stopped() -> None:
    slots = Slots(["0"])

    def stop() -> None:
        raise Interrupted("stopped")

    with slots.take(1), pytest.raises(Interrupted), slots.take(1, stop):
        pass


def test_without_gpus_nothing_is_held_back() -> None:
    slots = Slots([])
    with slots.take(1) as one, slots.take(1) as other:
        assert (one, other) == ({}, {})
