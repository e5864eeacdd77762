"""What a network fails is tried again, what lasts is told at once, and a stopped run waits for nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from dcgan.errors import Interrupted, StorageError
from dcgan.execution import interruption
from dcgan.files import transfers, urls


def test_what_a_network_fails_is_done_again_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # refuses, until it listens
        address = server.getsockname()

        def connect() -> str:
            socket.create_connection(address, 1).close()
            return "done"

        timer = threading.Timer(1.0, server.listen)
        timer.start()
        assert transfers.patiently(connect, "cannot reach it") == "done"
        timer.join()
    assert caplog.messages == ["cannot reach it: [Errno 111] Connection refused. Trying again"]


def test_what_lasts_is_told_at_once() -> None:
    def refuse() -> None:
        raise PermissionError("Access Denied")

    began = time.monotonic()
    with pytest.raises(StorageError, match="cannot write to s3://b: Access Denied"):
        transfers.patiently(refuse, "cannot write to s3://b")
    assert time.monotonic() - began < 0.3


def test_what_fails_for_good_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "WAITS", (0.01, 0.01))
    tries = []

    def fail() -> None:
        tries.append(1)
        raise OSError("Service Unavailable")

    with pytest.raises(StorageError, match="cannot read it: Service Unavailable"):
        transfers.patiently(fail, "cannot read it")
    assert len(tries) == 3


def test_stopped_run_tries_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_state", interruption._State())
    tries = []

    def fail() -> None:
        tries.append(1)
        interruption.request()
        raise OSError("Service Unavailable")

    with pytest.raises(Interrupted, match="the transfer was stopped"):
        transfers.patiently(fail, "cannot read it")
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "Connect"),  # nobody listens
        (b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "500"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "403"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "images.csv"),
    ],
)
def test_server_that_cannot_be_reached_is_not_reported_as_a_missing_file(
    answer: bytes | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "WAITS", (0.01,))
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/images.csv"
        if answer is None:
            server.close()
        else:
            threading.Thread(target=_answer, args=(server, answer), daemon=True).start()
        system, path = urls.open_url(url)
        with pytest.raises(FileNotFoundError if told == "images.csv" else StorageError, match=told):
            transfers.patiently(lambda: system.info(path), "cannot look at it")


def _answer(server: socket.socket, content: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(content)


def test_removal_whose_answer_is_lost_is_a_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "WAITS", (0.01,))
    there = {"file"}

    def remove() -> None:
        if not there:
            raise FileNotFoundError("file")
        there.clear()
        raise ConnectionResetError("the answer is lost")

    transfers.remove(remove, "cannot write")
    assert not there
