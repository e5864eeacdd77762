"""A real S3 server on loopback, and a proxy before it that is slow, makes trouble, or notes what it is asked."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import s3fs

from dcgan.run.records import ReleaseRecord
from tests.processes import ending_with_us

SECRET = "a/secret+that=stands-nowhere"


@dataclass(frozen=True)
class Store:
    """A server that speaks S3."""

    port: int

    def environment(self, port: int | None = None) -> dict[str, str]:
        """What a client of it is told; with the port of a proxy, to go there instead."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def system(self) -> s3fs.S3FileSystem:
        """A client for the tests themselves, which remembers nothing."""
        return s3fs.S3FileSystem(
            key="tester", secret=SECRET, endpoint_url=f"http://127.0.0.1:{self.port}", use_listings_cache=False
        )


@contextmanager
def running_store(log: Path) -> Iterator[Store]:
    """Start a server, for the time of the block."""
    port = free_port()
    server = str(Path(sys.executable).with_name("moto_server"))
    command = ending_with_us([server, "-H", "127.0.0.1", "-p", str(port)])
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield Store(port)
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


SERVER_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SLOW_SECONDS = 2.0


class Proxy:
    """Hands on to a store what comes, and notes each request's first line."""

    def __init__(self, store: Store, put_seconds: float = 0, trouble: Callable[[], str] = str) -> None:
        """Begin to listen.

        Args:
            store: to hand on to.
            put_seconds: that each upload of an object waits.
            trouble: what happens to the next request: "500", "slow" or "cut"; "" for nothing.
        """
        self.requests: list[str] = []
        self.num_troubles = 0
        self._trouble = trouble
        self._put_seconds = put_seconds
        self._open: set[socket.socket] = set()
        proxy = self

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", store.port)) as server:
                    proxy._open |= {self.request, server}
                    back = threading.Thread(target=_relay, args=(server, self.request, lambda _: None))
                    back.start()
                    _relay(self.request, server, lambda content: proxy._note(content, self.request))
                    back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}).start()

    def puts(self) -> list[str]:
        """Paths of the objects that were uploaded, in their order."""
        return [line.split()[1].partition("?")[0] for line in self.requests if line.startswith("PUT ")]

    def gets(self) -> list[str]:
        """Paths of the objects that were read."""
        return [line.split()[1] for line in self.requests if line.startswith("GET ") and "list-type" not in line]

    def close(self) -> None:
        """Cut all connections, and end."""
        self._server.shutdown()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def _note(self, content: bytes, client: socket.socket) -> None:
        """Note a request, or make trouble; raises OSError to end the connection."""
        if content.startswith((b"GET ", b"PUT ", b"POST ", b"HEAD ", b"DELETE ")):
            trouble = self._trouble()
            self.num_troubles += bool(trouble)
            if trouble == "500":
                client.sendall(SERVER_ERROR)
            if trouble in ("500", "cut"):
                client.shutdown(socket.SHUT_RDWR)
                raise ConnectionError(trouble)
            time.sleep(SLOW_SECONDS if trouble else 0)
            self.requests.append(content.partition(b"\r\n")[0].decode())
            if content.startswith(b"PUT "):
                time.sleep(self._put_seconds)


def _relay(source: socket.socket, target: socket.socket, note: Callable[[bytes], None]) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            note(content)
            target.sendall(content)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Bucket:
    """A bucket of a test's own, which the test's process reaches by its environment."""

    name: str
    store: Store
    system: s3fs.S3FileSystem
    go_by: Callable[[int], None]
    """Reach the store through a proxy that listens on this port."""

    @property
    def url(self) -> str:
        return f"s3://{self.name}"


def upload_tree(system: s3fs.S3FileSystem, folder: Path, target: str) -> None:
    """Upload every file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            system.pipe_file(f"{target}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def objects(system: s3fs.S3FileSystem, prefix: str) -> dict[str, int]:
    """Size of every object below a prefix, by the rest of its name."""
    return {name[len(prefix) + 1 :]: info["size"] for name, info in system.find(prefix, detail=True).items()}


@dataclass
class Watcher:
    """Lists a job's releases again and again: what shows a release.json must be whole."""

    store: Store
    job: str
    """Bucket and folder of the job's outputs."""
    leftover: str = ""
    """A release to leave out."""
    whole: set[str] = field(default_factory=set)
    """Releases that were seen whole."""
    halves: list[str] = field(default_factory=list)
    """What was seen as a release and was not whole."""
    most: int = 0
    """Files of uploads that were no release yet, at most."""

    def look(self) -> None:
        """List once: a release that is being uploaded only grows, so that its record is looked for first."""
        system, top = self.store.system(), f"{self.job}/releases"
        ids = {name.partition("/")[0] for name in objects(system, top)} - {self.leftover}
        for name in ids:
            try:
                record = json.loads(system.cat_file(f"{top}/{name}/release.json"))
            except FileNotFoundError:
                self.most = max(self.most, len(objects(system, f"{top}/{name}")))
                continue
            there = set(objects(system, f"{top}/{name}"))
            self.halves += sorted(set(record["files"]) - there)
            num_images = ReleaseRecord.model_validate(record).released
            if len([path for path in there if path.startswith("images/")]) != num_images:  # the manifest names them
                self.halves.append(f"{name}/images")
            self.whole.add(name)
        try:
            latest = system.cat_file(f"{self.job}/latest").decode().strip()
            if not system.exists(f"{self.job}/{latest}/release.json"):
                self.halves.append(latest)
        except FileNotFoundError:
            pass

    def watch(self, ended: threading.Event) -> None:
        """List until an event is set."""
        while not ended.wait(0.2):
            self.look()
