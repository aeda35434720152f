"""What Docker has around the proxy, on loopback addresses: its resolver, and replicas."""

from __future__ import annotations

import os
import re
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests.deploy.composed import ROOT

#: What another machine's settings may not change.
CLEAN: Final = {
    name: value
    for name, value in os.environ.items()
    if not re.match(
        r"TRADINGKB_|EMBED|QDRANT|OLLAMA|DATABASE|REDIS|LOG_|RATE_|ADMIN|WORKSPACE", name
    )
}


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port that nobody has, on any address."""
    with closing(socket.socket(socket.AF_INET, kind)) as found:
        found.bind(("", 0))
        return int(found.getsockname()[1])


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits for something to be so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


class Resolver(socketserver.ThreadingUDPServer):
    """Answers every question for a name by the addresses that it has now."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        super().__init__(("127.0.0.1", 0), _Asked)


class _Asked(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        asked, back = self.request
        end = asked.index(b"\0", 12) + 5  # after the name come its type and its class
        a_record = asked[end - 4 : end - 2] == b"\0\1"
        addresses = self.server.addresses if a_record else []
        head = asked[:2] + struct.pack("!HHHHH", 0x8180, 1, len(addresses), 0, 0)
        answers = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(address)
            for address in addresses
        )
        back.sendto(head + asked[12:end] + answers, self.client_address)


class Replica(ThreadingHTTPServer):
    """One that answers probes as it is told, and closes the connection on everything else."""

    def __init__(self, address: str, port: int) -> None:
        self.is_ready, self.lives = True, True
        self.received: list[str] = []
        super().__init__((address, port), _Answer)

    def handle_error(self, *_: Any) -> None:
        """Probes hang up as soon as they know."""


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path not in ("/ready", "/health"):
            self.dies()
            return
        good = self.server.is_ready if self.path == "/ready" else self.server.lives
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"mine")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.dies()

    def dies(self) -> None:
        self.server.received.append(f"{self.command} {self.path}")
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[Any]:
    """Serves from a thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def process(command: list[str], folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen]:
    """A process whose output goes to a file of the folder, and that ends with the `with`."""
    with (folder / "log").open("ab") as log:
        started = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()


def tradingkb(address: str, port: int, folder: Path, **variables: str) -> Any:
    """`tradingkb serve` at an address, on a store in its folder."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tradingkb", "serve", "--host", address, "--port", str(port)]
    env = {**CLEAN, "PYTHONPATH": str(ROOT), "TRADINGKB_HOME": "home", **variables}
    return process(command, folder, env)
