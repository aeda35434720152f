"""How far a job is, over all its attempts."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Place:
    """What was done, as the parts of the work report it one after the other.

    A part counts from 0, and one that was interrupted counts what was left: what was done before
    is added, so that the whole only grows.

    Attributes:
        before: what earlier attempts and parts have done.
        resumed: (done, total) of earlier attempts, until the first report of this one.
        what, done, total: the last report.
    """

    before: int = 0
    resumed: tuple[int, int | None] | None = None
    what: str = ""
    done: int = 0
    total: int | None = None

    def moved(self, what: str, done: int, total: int) -> Place:
        """The place after a report; one of nothing changes nothing."""
        if total <= 0:
            return self
        before = self.before
        if self.resumed is not None:
            known_done, known_total = self.resumed
            # An attempt says how far it is once a second, so more may be done than it said.
            before = max(known_done, (known_total or 0) - total)
        elif what != self.what or done < self.done or total != self.total:
            before += self.done
        return replace(self, before=before, resumed=None, what=what, done=done, total=total)

    @property
    def whole(self) -> tuple[int, int | None]:
        """(done, total) of the whole job; the total is what is known of it by now."""
        if self.resumed is not None:
            return self.resumed
        return self.before + self.done, None if self.total is None else self.before + self.total
