"""One ingest or re-embedding of a workspace at a time, and one runbook that changes it.

The lease is for speed and for honest counts: two ingests at once would store the same rows, but
both would say that they did. Nothing breaks when a lease is lost; whoever lost it stops at the
next progress.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from tradingkb.domain import Workspace
from tradingkb.exceptions import TradingKBError, WorkspaceBusyError
from tradingkb.jobs.heartbeat import Heartbeat
from tradingkb.jobs.holder import is_alive, own_name, shown
from tradingkb.jobs.watch import RENEW_S, TTL, Watches
from tradingkb.observability import emit
from tradingkb.ports import HeldLease, LeaseStore, TransactionStore
from tradingkb.progress import Progress

_POLL_S: Final = 0.2


class _Store(LeaseStore, TransactionStore, Protocol):
    """What leases need of a store."""


class Lease:
    """One lease while it is held, renewed by a thread of its own."""

    def __init__(self, store: _Store, name: str, me: str, renew: Callable[[], bool]) -> None:
        """Begins to renew it; `renew` says whether it was still held."""
        self._store, self._name, self._me = store, name, me
        self._ended = False
        self._renew = renew
        self._beat = Heartbeat(renew, RENEW_S, "lease")
        self._beat.start()

    def guarded(self, progress: Progress) -> Progress:
        """A progress that ends the work when the lease has been lost meanwhile.

        Raises:
            WorkspaceBusyError: by the progress: somebody broke the lease, or took it over.
        """

        def advance(what: str, done: int, total: int) -> None:
            self.check()
            progress(what, done, total)

        return advance

    def check(self) -> None:
        """Nothing, while it is held.

        Raises:
            WorkspaceBusyError: somebody broke the lease, or took it over.
        """
        if self._beat.lost:
            raise WorkspaceBusyError(
                f"the lease {self._name} was broken or taken over while this ran, so it "
                "stopped: nothing is lost, run it again"
            )

    def confirm(self) -> None:
        """As `check`, of this moment: the last sign of life is seconds old.

        Raises:
            WorkspaceBusyError: as of `check`.
            BackendUnavailableError: the database does not answer.
        """
        if not self._beat.lost:
            self._beat.lost = not self._renew()
        self.check()

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
        """Stops renewing it."""
        self._beat.stop()


class Leases:
    """The leases of one store, as one process takes them."""

    def __init__(
        self,
        store: _Store,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        patience_s: float = 600.0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Wires them.

        Args:
            store: which keeps leases.
            clock: aware UTC time, for what is shown; who lives is judged without it.
            new_id: tells the holders of one process apart.
            sleep: waits between two attempts.
            monotonic: seconds that only grow.
            patience_s: how long to wait for another holder.
            tell: told at once whom it waits for, where a person looks on.
        """
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._sleep = sleep
        self._monotonic = monotonic
        self._patience_s = patience_s
        self._tell = tell
        self._watches = Watches(monotonic)

    @contextmanager
    def hold(self, workspace: Workspace) -> Iterator[Lease]:
        """Holds a workspace's lease, waiting for it if need be; `Lease.end` ends it earlier.

        Raises:
            WorkspaceBusyError: another holder kept it for longer.
        """
        with self._held(f"index:{workspace.id}", partial(self._wait, workspace)) as lease:
            yield lease

    @contextmanager
    def claim(self, workspace: Workspace, purpose: str) -> Iterator[Lease]:
        """Holds the lease of a workspace for a purpose, or says at once who has it.

        Of a holder on another machine that gives no sign of life it takes up to a minute to know
        that it has died.

        Args:
            workspace: whose.
            purpose: first part of the lease's name, such as "runbook".

        Raises:
            WorkspaceBusyError: another holder has it.
        """
        with self._held(f"{purpose}:{workspace.id}", partial(self._refuse, workspace)) as lease:
            yield lease

    @contextmanager
    def _held(
        self, name: str, in_the_way: Callable[[HeldLease, HeldLease, float], None]
    ) -> Iterator[Lease]:
        me = own_name(self._new_id())
        self._acquire(name, me, in_the_way)
        lease = Lease(
            self._store, name, me, lambda: self._store.renew_lease(name, me, self._clock() + TTL)
        )
        try:
            yield lease
        finally:
            lease.stop()
            # It ends by itself, and must not hide an error.
            with contextlib.suppress(TradingKBError):
                lease.end()

    def _acquire(
        self, name: str, me: str, in_the_way: Callable[[HeldLease, HeldLease, float], None]
    ) -> None:
        began, first = self._monotonic(), None
        while (other := self._take(name, me)) is not None:
            if self._watches.is_free(name, other.holder, other.expires_at):
                self._store.break_lease(name, other.holder, other.expires_at)
                continue
            in_the_way(first or other, other, self._monotonic() - began)
            first = first or other
            self._sleep(_POLL_S)
        self._watches.forget(name)

    def _wait(
        self, workspace: Workspace, first: HeldLease, other: HeldLease, waited_s: float
    ) -> None:
        """Waits for whoever has it, for as long as there is patience."""
        if waited_s >= self._patience_s:
            raise WorkspaceBusyError(
                f"workspace {workspace.slug!r} is being indexed by {shown(other.holder)}, "
                f"which has not finished within {self._patience_s:g} s: "
                "try again when it has, or look at kb.leases()"
            )
        if first is other:  # it is seen for the first time
            emit("kb_lease_wait", workspace_id=workspace.id, holder=shown(other.holder))
            self._tell(
                f"waiting for {shown(other.holder)}, which is at work on workspace "
                f"{workspace.slug!r} (for {self._patience_s:g} s at most)"
            )

    def _refuse(
        self, workspace: Workspace, first: HeldLease, other: HeldLease, waited_s: float
    ) -> None:
        """Refuses as soon as whoever has it is known to live."""
        changed = (first.holder, first.expires_at) != (other.holder, other.expires_at)
        if changed or is_alive(other.holder) or waited_s > TTL.total_seconds() + RENEW_S:
            raise WorkspaceBusyError(
                f"another {other.name.partition(':')[0]} is changing workspace "
                f"{workspace.slug!r}: {shown(other.holder)}, since "
                f"{other.acquired_at:%Y-%m-%d %H:%M:%S} UTC; wait for its end, or look at "
                "kb.leases()"
            )

    def _take(self, name: str, me: str) -> HeldLease | None:
        return self._store.acquire_lease(name, me, self._clock(), self._clock() + TTL)
