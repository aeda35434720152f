"""What a workspace may ask, and what its client is told of it.

Header fields: draft-ietf-httpapi-ratelimit-headers in its form of 2025, where `RateLimit-Policy`
lists the policies, and `RateLimit` what is left of each (`r`) and in how many seconds there will be
more (`t`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tradingkb.limits.share import MemoryShare, Share
from tradingkb.limits.windows import WINDOW_S, Take

#: Names of the two policies, as header fields give them, and what those for reading begin with.
PER_MINUTE: Final = "workspace"
AT_ONCE: Final = "workspace-concurrent"
READS: Final = "workspace-reads"
#: Nobody knows when a request in flight will end; most do within a second.
_SLOT_RETRY_S: Final = 1


def _nothing() -> None:
    """Gives nothing back, where nothing was taken."""


@dataclass(frozen=True)
class Admission:
    """Whether a request may be worked on.

    Attributes:
        ok: whether it may.
        violated: the policy that refused it, such as `PER_MINUTE` or `AT_ONCE`; None where `ok`,
            and where what counts does not answer, so that nobody knows.
        retry_after_s: whole seconds after which to try again; None where `ok`. After the limit per
            minute a slot is free by then, unless another request took it.
        release: to be called when the request has ended, whatever became of it; more than once
            does no harm.
    """

    ok: bool
    violated: str | None = None
    retry_after_s: int | None = None
    release: Callable[[], None] = field(default=_nothing, compare=False)
    _fields: tuple[tuple[str, str], ...] = ()

    def headers(self) -> dict[str, str]:
        """Header fields of the response; none where no limit is set."""
        return dict(self._fields)


class WorkspaceLimits:
    """Limits of every workspace alike, each counted by itself."""

    def __init__(
        self,
        per_minute: int,
        concurrent: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        name: str = PER_MINUTE,
        share: Share | None = None,
    ) -> None:
        """Sets the limits; they are counted in this process unless told otherwise.

        Args:
            per_minute: requests of a workspace in any 60 seconds; 0 for no limit.
            concurrent: requests of a workspace at once; 0 for no limit.
            clock: seconds that never go back.
            name: of the limit per minute, as header fields give it; the other one is named after
                it.
            share: counts both limits; unless given, in this process.
        """
        limited = per_minute or concurrent
        self._share = share or MemoryShare(per_minute, concurrent, clock) if limited else None
        self._per_minute, self._at_once = name, name + AT_ONCE.removeprefix(PER_MINUTE)
        policies = [f'"{self._per_minute}";q={per_minute};w={WINDOW_S}'] if per_minute else []
        if concurrent:
            policies.append(f'"{self._at_once}";q={concurrent};qu="concurrent-requests"')
        self._policies = ", ".join(policies)

    def admit(self, workspace_id: str) -> Admission:
        """Admits a request or refuses it, at once; one that is refused counts for nothing."""
        if self._share is None:
            return Admission(True)
        counted = self._share.take(workspace_id)
        if counted.refused is None:
            left = "" if counted.minute is None else self._left(counted.minute)
            return Admission(True, release=counted.release, _fields=self._fields(left))
        if counted.refused == "at_once":
            return self._refused(self._at_once, _SLOT_RETRY_S)
        if counted.minute is None:
            return self._unknown(math.ceil(counted.wait_s))
        # More than the time that is left: rounding must not refuse anybody twice.
        return self._refused(self._per_minute, math.floor(counted.minute.more_in_s) + 1)

    def _unknown(self, retry_after_s: int) -> Admission:
        again = ("Retry-After", str(retry_after_s))
        return Admission(False, None, retry_after_s, _fields=(*self._fields(""), again))

    def _refused(self, policy: str, retry_after_s: int) -> Admission:
        # Only of the policy that refused: `Retry-After` must not come before any `t`.
        fields = self._fields(f'"{policy}";r=0;t={retry_after_s}')
        again = ("Retry-After", str(retry_after_s))
        return Admission(False, policy, retry_after_s, _fields=(*fields, again))

    def _fields(self, left: str) -> tuple[tuple[str, str], ...]:
        named = (("RateLimit-Policy", self._policies), ("RateLimit", left))
        return tuple((name, value) for name, value in named if value)

    def _left(self, take: Take) -> str:
        return f'"{self._per_minute}";r={take.remaining};t={math.ceil(take.more_in_s)}'
