"""A proxy between a client and a server that works, to take the network away between them.

with FaultyProxy(("127.0.0.1", 5432)) as proxy:
engine = open_engine(f"postgresql+psycopg://user@127.0.0.1:{proxy.port}/name")
proxy.cut()     # every connection is reset; new ones are let through
proxy.hang()    # nothing passes any more
proxy.restore() # as if nothing had happened
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final

from tradingkb.testing.faults import Connection, FaultyServer

_CHUNK: Final = 65536


class FaultyProxy(FaultyServer):
    """Forwards connections on 127.0.0.1 to a server."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        """In front of a server.

        Args:
            target: its host and port, or the path of its Unix socket.
        """
        self._target = target
        self._passing = threading.Event()
        self._passing.set()
        self._lines: set[Connection] = set()
        self._cut_after: int | None = None
        super().__init__(self._forward)

    def cut(self) -> None:
        """Resets every connection; new ones are let through."""
        for line in tuple(self._lines):
            _reset(line)

    def cut_after(self, n_bytes: int) -> None:
        """Resets the connection, once, over which so many more bytes of answers have come."""
        self._cut_after = n_bytes

    def hang(self) -> None:
        """Lets nothing pass, and accepts new connections."""
        self._passing.clear()

    def restore(self) -> None:
        """Lets everything pass again."""
        self._passing.set()
        self.listen()

    def close(self) -> None:
        """Ends it and every connection."""
        self._passing.set()
        super().close()

    def _forward(self, connection: Connection) -> None:
        family = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
        with socket.socket(family) as server:
            server.connect(self._target)
            self._lines.add(connection)
            back = threading.Thread(
                target=self._pump, args=(server, connection.socket, connection), daemon=True
            )
            back.start()
            try:
                self._pump(connection.socket, server, None)
            finally:
                self._lines.discard(connection)
                with contextlib.suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
                back.join(1.0)

    def _pump(self, source: socket.socket, sink: socket.socket, answers: Connection | None) -> None:
        """Forwards one direction until it ends; counts bytes where these are `answers`."""
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                self._passing.wait()
                if answers is not None and self._cut_now(len(data)):
                    _reset(answers)
                    return
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def _cut_now(self, n_bytes: int) -> bool:
        if self._cut_after is None:
            return False
        self._cut_after -= n_bytes
        if self._cut_after > 0:
            return False
        self._cut_after = None
        return True


def _reset(line: Connection) -> None:
    with contextlib.suppress(OSError):
        line.reset()
        # The thread that reads from it still holds it open: shut down, it lets go.
        line.socket.shutdown(socket.SHUT_RD)
