"""Whether a holder still lives, judged without anybody's clock.

The clocks of two machines may differ by days. A holder that lives changes its row every
`RENEW_S` seconds, so a row that has not changed for `TTL` while one looked on belongs to nobody:
seconds of the observer alone decide, and nothing is blocked for longer, whatever time it names.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from tradingkb.jobs.holder import has_died

#: A row that has not changed for so long is free: its holder has died, maybe on another machine.
TTL: Final = timedelta(seconds=60)
#: How often a holder that lives changes its row.
RENEW_S: Final = 15.0
#: A holder that could not change its row for so long stops before others take what it held.
SELF_S: Final = 45.0


class Watches:
    """What was seen of rows, and since when it is unchanged."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Takes seconds that only grow."""
        self._monotonic = monotonic
        self._seen: dict[str, tuple[Any, float]] = {}

    def is_free(self, name: str, holder: str, stamp: Any) -> bool:
        """Whether a row that is seen now belongs to nobody any more.

        Args:
            name: of the row.
            holder: who has it.
            stamp: what changes with each renewal.
        """
        now, seen = self._monotonic(), (holder, stamp)
        before, since = self._seen.get(name, (None, now))
        if before != seen:
            since = now
            self._seen[name] = (seen, since)
        return has_died(holder) or now - since >= TTL.total_seconds()

    def forget(self, name: str) -> None:
        """Nobody has the row any more, or it is one's own."""
        self._seen.pop(name, None)

    def keep(self, names: set[str]) -> None:
        """Forgets all other rows."""
        for name in self._seen.keys() - names:
            self.forget(name)
