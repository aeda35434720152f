"""Leases as people see them: who holds which, and how one is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import polars as pl

from tradingkb.domain import Actor
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.jobs.holder import has_died, shown
from tradingkb.observability import emit
from tradingkb.ports import HeldLease, LeaseStore, WorkspaceStore
from tradingkb.reports import Report

#: What a workspace is held for: to be indexed, and to be changed by a runbook.
_PURPOSES: Final = ("index", "runbook")
_TIME: Final = pl.Datetime("us", "UTC")
_SCHEMA: Final[dict[str, Any]] = {
    "name": pl.String,
    "workspace": pl.String,
    "holder": pl.String,
    "state": pl.String,
    "acquired_at": _TIME,
    "expires_at": _TIME,
}


class _Store(LeaseStore, WorkspaceStore, Protocol):
    """What showing leases needs of a store."""


@dataclass(frozen=True, repr=False)
class BrokenLease(Report):
    """A lease that was taken from its holder.

    Attributes:
        name: of the lease.
        workspace: slug; None where there is no such workspace any more.
        holder: who had it.
        reason: why, as given.
    """

    name: str
    workspace: str | None
    holder: str
    reason: str

    def summary(self) -> str:
        """One line."""
        return f"broke the lease {self.name} of {self.holder}, which stops at its next progress"


def lease_table(store: _Store) -> pl.DataFrame:
    """name, workspace, holder, state, acquired_at, expires_at of every lease.

    The state "dead" is that of a process of this machine that is gone: whoever wants the lease
    next takes it at once. Times are those of the holder's clock.
    """
    slugs = _slugs(store)
    rows = [
        {
            "name": lease.name,
            "workspace": slugs.get(lease.name),
            "holder": shown(lease.holder),
            "state": "dead" if has_died(lease.holder) else "held",
            "acquired_at": lease.acquired_at,
            "expires_at": lease.expires_at,
        }
        for lease in store.leases()
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def break_lease(store: _Store, name: str, who: Actor) -> BrokenLease:
    """Takes a lease from its holder, which stops at its next progress; nothing is lost.

    Args:
        store: which keeps leases.
        name: of the lease, or slug or id of its workspace.
        who: who does it, with a reason.

    Raises:
        NotFoundError: nobody holds such a lease.
        InvalidInputError: no reason.
    """
    if not (who.reason or "").strip():
        raise InvalidInputError("a lease is broken with a reason", field="reason", remedy="give it")
    slugs, held = _slugs(store), {lease.name: lease for lease in store.leases()}
    lease = _named(name, held, slugs)
    if not store.break_lease(lease.name, lease.holder):
        lease = _named(name, {}, slugs)  # it was given back in between
    emit(
        "kb_lease_broken",
        lease=lease.name,
        holder=shown(lease.holder),
        actor=who.name,
        reason=who.reason,
    )
    return BrokenLease(lease.name, slugs.get(lease.name), shown(lease.holder), who.reason or "")


def _slugs(store: _Store) -> dict[str, str]:
    return {f"{why}:{space.id}": space.slug for space in store.workspaces() for why in _PURPOSES}


def _named(name: str, held: Mapping[str, HeldLease], slugs: Mapping[str, str]) -> HeldLease:
    for lease in held.values():
        if name in (lease.name, lease.name.partition(":")[2], slugs.get(lease.name)):
            return lease
    known = [slugs.get(one, one) for one in held]
    raise NotFoundError("lease", name, known, remedy="kb.leases() lists them")
