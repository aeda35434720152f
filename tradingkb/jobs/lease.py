"""One ingest or re-embedding of a workspace at a time.

The lease is for speed and for honest counts: two ingests at once would store the same rows, but
both would say that they did. Nothing breaks when a lease is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from tradingkb.domain import Workspace
from tradingkb.exceptions import TradingKBError, WorkspaceBusyError
from tradingkb.observability import emit
from tradingkb.ports import LeaseStore, TransactionStore

#: A lease that is not renewed for so long is free: its holder has died on another machine.
TTL: Final = timedelta(seconds=60)
_RENEW_S: Final = 15.0
_POLL_S: Final = 0.2


class _Store(LeaseStore, TransactionStore, Protocol):
    """What leases need of a store."""


class Lease:
    """One lease while it is held, renewed by a thread of its own."""

    def __init__(self, store: _Store, name: str, me: str, renew: Callable[[], object]) -> None:
        """Begins to renew it."""
        self._store, self._name, self._me = store, name, me
        self._renew = renew
        self._done = threading.Event()
        self._ended = False
        self._beat = threading.Thread(target=self._renewing, daemon=True)
        self._beat.start()

    def end(self, last: Callable[[], object] = lambda: None) -> None:
        """Gives the lease up in one transaction with what is written last; a second time nothing.

        Whoever takes the lease next finds it written.

        Args:
            last: what is to be written.
        """
        self.stop()
        if self._ended:
            return
        with self._store.writing():
            last()
            self._store.break_lease(self._name, self._me)
        self._ended = True

    def stop(self) -> None:
        """Stops renewing it: a renewal that came after its end would take it again."""
        self._done.set()
        self._beat.join()

    def _renewing(self) -> None:
        while not self._done.wait(_RENEW_S):
            with contextlib.suppress(TradingKBError):  # the next beat tries again
                self._renew()


class Leases:
    """The leases of one store, as one process takes them."""

    def __init__(
        self,
        store: _Store,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        sleep: Callable[[float], None] = time.sleep,
        patience_s: float = 600.0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Wires them.

        Args:
            store: which keeps leases.
            clock: aware UTC time.
            new_id: tells the holders of one process apart.
            sleep: waits between two attempts.
            patience_s: how long to wait for another holder.
            tell: told at once whom it waits for, where a person looks on.
        """
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._sleep = sleep
        self._patience_s = patience_s
        self._tell = tell

    @contextmanager
    def hold(self, workspace: Workspace) -> Iterator[Lease]:
        """Holds a workspace's lease, waiting for it if need be; `Lease.end` ends it earlier.

        Raises:
            WorkspaceBusyError: another holder kept it for longer.
        """
        name, me = f"index:{workspace.id}", _own_name(self._new_id())
        self._acquire(workspace, name, me)
        lease = Lease(self._store, name, me, lambda: self._take(name, me))
        try:
            yield lease
        finally:
            lease.stop()
            # It ends by itself, and must not hide an error.
            with contextlib.suppress(TradingKBError):
                lease.end()

    def _acquire(self, workspace: Workspace, name: str, me: str) -> None:
        waited = 0.0
        while (other := self._take(name, me)) is not None:
            if _has_died(other):
                self._store.break_lease(name, other)
                continue
            if waited >= self._patience_s:
                raise WorkspaceBusyError(
                    f"workspace {workspace.slug!r} is being indexed by {_shown(other)}, which has "
                    f"not finished within {self._patience_s:g} s: try again when it has"
                )
            if not waited:
                emit("kb_lease_wait", workspace_id=workspace.id, holder=_shown(other))
                self._tell(
                    f"waiting for {_shown(other)}, which is at work on workspace "
                    f"{workspace.slug!r} (for {self._patience_s:g} s at most)"
                )
            self._sleep(_POLL_S)
            waited += _POLL_S

    def _take(self, name: str, me: str) -> str | None:
        return self._store.acquire_lease(name, me, self._clock(), self._clock() + TTL)


def _own_name(nonce: str) -> str:
    """host:pid:start:nonce; the start tells two processes of one number apart."""
    # Ids may begin alike, and hold colons.
    pid, short = os.getpid(), hashlib.sha256(nonce.encode()).hexdigest()[:8]
    return f"{socket.gethostname()}:{pid}:{_started(pid)}:{short}"


def _shown(holder: str) -> str:
    host, pid, *_ = [*holder.rsplit(":", 3), "?"]
    return f"process {pid} on {host}"


def _has_died(holder: str) -> bool:
    """Whether the holder was a process of this machine that is no more."""
    parts = holder.rsplit(":", 3)
    if len(parts) != 4 or parts[0] != socket.gethostname() or sys.platform == "win32":
        return False
    pid, started = int(parts[1]), parts[2]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(started) and _started(pid) != started


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where the kernel does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The second field is a name in brackets that may hold anything; the start is the 22nd.
    fields = text.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else "gone"
