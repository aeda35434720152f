"""Shares that all replicas have together, counted in Redis."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

from tradingkb.exceptions import BackendUnavailableError, CircuitOpenError
from tradingkb.limits.scripts import TAKE
from tradingkb.limits.server import RedisServer
from tradingkb.limits.share import Counted
from tradingkb.limits.windows import WINDOW_S, Take

#: What every key begins with. Keys hold ids of workspaces, and expire by themselves.
PREFIX: Final = "tradingkb:limits"


class RedisShare:
    """The shares of whoever uses the same server and the same name of the share."""

    def __init__(
        self,
        server: RedisServer,
        share: str,
        per_minute: int,
        concurrent: int,
        lease_s: float,
        new_token: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        """Takes nothing yet.

        Args:
            server: counts.
            share: its name; shares of other names are counted beside it.
            per_minute: requests in any 60 seconds; 0 for no limit.
            concurrent: requests at once; 0 for no limit.
            lease_s: seconds after which a request that was never ended no longer counts as one of
                those at once: longer than any takes.
            new_token: makes names of requests.
        """
        self._server = server
        self._share = share
        self._limits = (per_minute, WINDOW_S * 10**6, concurrent, round(lease_s * 10**6))
        self._lease_s = lease_s
        self._new_token = new_token

    def take(self, name: str) -> Counted:
        """Counts a request of the name, or refuses it; one round trip.

        Raises:
            CircuitOpenError: the server failed a short while ago, and is not asked.
            BackendUnavailableError: it did not answer.
        """
        token, per_minute, concurrent = self._new_token(), self._limits[0], self._limits[2]
        window, slots = (f"{PREFIX}:{kind}:{self._share}:{name}" for kind in ("window", "slots"))
        try:
            found = self._server.run(TAKE, (window, slots), (token, *self._limits))
        except CircuitOpenError:
            raise
        except BackendUnavailableError:
            # It may have counted all the same, and only its answer was lost.
            self._server.owe((window, slots), token, max(self._lease_s, WINDOW_S))
            raise
        refused, remaining, more_us = found
        minute = Take(refused == 0, remaining, more_us / 10**6) if per_minute else None
        if refused:
            return Counted("at_once") if refused == 2 else Counted("per_minute", minute)
        if not concurrent:
            return Counted(None, minute)
        held = [slots]

        def release() -> None:
            if held:
                self._server.give_back((held.pop(),), token, self._lease_s)

        return Counted(None, minute, release=release)
