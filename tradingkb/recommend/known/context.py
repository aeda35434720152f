"""What one answer starts from: the strategy's trials, and which of them count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import (
    TIMEFRAME_REMEDY,
    IndexTarget,
    Objective,
    Question,
    StrategySpec,
    get_objective,
    is_duration,
)
from tradingkb.exceptions import InvalidInputError
from tradingkb.recommend.answer import Said
from tradingkb.recommend.known.history import statuses_as_of
from tradingkb.recommend.known.pool import Pool, make_pool
from tradingkb.recommend.known.view import STATUS_CODE, Statuses, View, eligible

Bools = NDArray[np.bool_]
_MICROS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Context:
    """What the steps of one answer share; none of them changes it.

    Attributes:
        target: whose trials, and where they are indexed.
        question: what is asked.
        now: when.
        spec: the spec in force, None when none is registered for the version.
        version: the strategy version whose evidence counts, None for all.
        statuses: shape (n,), as of the question's time.
        pool: the usable trials: eligible, known, of the version, with a score.
        own, near: shape (w,), windows of the query's instrument, and of its timeframe.
        timeframe: the query's, or the one that the evidence suggests.
        known_until: microseconds since 1970 UTC; what became known later does not count.
        funnel: trials that are left after each condition.
        said: what reading the market and the trials found.
    """

    target: IndexTarget
    question: Question
    objective: Objective
    view: View
    now: datetime
    spec: StrategySpec | None
    version: str | None
    statuses: Statuses
    pool: Pool
    own: Bools
    near: Bools
    timeframe: str | None
    known_until: int
    funnel: Mapping[str, int]
    said: Said

    @property
    def stated(self) -> bool:
        """Whether the query's regime is stated rather than measured."""
        return self.question.market.kind == "stated"

    @property
    def promoted(self) -> Bools:
        """Parameter sets of which a usable trial is promoted, shape (p,)."""
        found = np.zeros(len(self.view.psets), dtype=bool)
        promoted = np.flatnonzero(self.statuses == STATUS_CODE["promoted"])
        found[self.view.pset[promoted[self.pool.usable[promoted]]]] = True
        return found


def make_context(
    target: IndexTarget, question: Question, view: View, now: datetime, embargo_s: float = 0.0
) -> Context:
    """Everything that is known before filters are applied; pure.

    Args:
        target: whose trials, and where they are indexed.
        question: what is asked.
        view: the strategy's trials.
        now: aware UTC time.
        embargo_s: seconds that pass after `known_at` before a trial counts.

    Raises:
        UnknownObjectiveError: no such objective.
        InvalidInputError: a timeframe that is no length of time, and that no window has.
    """
    objective = get_objective(question.objective_type)
    micros = to_micros(question.as_of or now) - round(embargo_s * _MICROS)
    as_of = to_micros(question.as_of) if question.as_of is not None else None
    then = view.kept.get(
        "counted",
        (objective.name, question.strategy_version, micros, as_of),
        lambda: _count(view, objective, question.strategy_version, micros, as_of),
    )
    spec, pool = then.spec, then.pool
    market = question.market
    _check_timeframe(view, market.timeframe)
    own, near, timeframe, placed = _instrument(view, pool, market.symbol, market.timeframe)
    read = Said(warnings=market.warnings, notes=market.notes)
    unknown_spec = Said(warnings=() if spec is not None else ("no_strategy_spec",))
    return Context(
        target=target,
        question=question,
        objective=objective,
        view=view,
        now=now,
        spec=spec,
        version=then.version,
        statuses=then.statuses,
        pool=pool,
        own=own,
        near=near,
        timeframe=timeframe,
        known_until=micros,
        funnel=then.funnel,
        said=read + placed + unknown_spec + Said(warnings=pool.mixtures),
    )


@dataclass(frozen=True)
class _Counted:
    """Which trials count at a time, whatever market is asked for."""

    statuses: Statuses
    version: str | None
    spec: StrategySpec | None
    funnel: Mapping[str, int]
    pool: Pool


def _count(
    view: View, objective: Objective, wanted: str | None, micros: int, as_of: int | None
) -> _Counted:
    statuses = view.statuses if as_of is None else statuses_as_of(view, as_of)
    known, alive = view.known_at <= micros, eligible(statuses)
    version, spec = _version(view, wanted, known & alive)
    funnel, tried = _restrict(
        {
            "stored": np.ones(len(view), dtype=bool),
            "known": known,
            "eligible": alive,
            "of_version": of_version(view, version),
        }
    )
    archived = view.archived(as_of)
    pool = view.kept.get(
        "pool",
        (objective.name, tried.tobytes(), archived.tobytes()),
        lambda: make_pool(view, tried, archived, objective),
    )
    # Only trials that carry a score of the evidence's sample nominate: the counts are theirs.
    funnel |= {
        "scored": int(pool.usable.sum()),
        "traded": int(pool.present.sum()),
        "not_archived": pool.n_may_nominate,
    }
    return _Counted(statuses, version, spec, funnel, pool)


def _restrict(conditions: dict[str, Bools]) -> tuple[dict[str, int], Bools]:
    """How many trials are left after each condition, and which ones after all."""
    funnel, left = {}, conditions["stored"]
    for name, mask in conditions.items():
        left = left & mask
        funnel[name] = int(left.sum())
    return funnel, left


def of_version(view: View, version: str | None) -> Bools:
    """Which trials are of a version, shape (n,); one that names none is taken to be of any."""
    codes, names = view.versions
    if version is None or not names:
        return np.ones(len(view), dtype=bool)
    return np.asarray((codes < 0) | (codes == (names.index(version) if version in names else -1)))


def _check_timeframe(view: View, timeframe: str | None) -> None:
    """Refuses one that is mistyped: a chart of ticks has a name that windows have, too."""
    known = sorted({t for t in view.windows.timeframe if t is not None})
    if timeframe is None or is_duration(timeframe) or not known or timeframe in known:
        return
    raise InvalidInputError(
        f"{timeframe!r} is no length of time, and no window is of it",
        field="timeframe",
        remedy=f"{TIMEFRAME_REMEDY}; stored are {', '.join(known)}",
    )


def _instrument(
    view: View, pool: Pool, symbol: str | None, timeframe: str | None
) -> tuple[Bools, Bools, str | None, Said]:
    """The query's own windows, those of its timeframe, and that timeframe.

    A symbol of one timeframe says its timeframe; where nothing says it and several are stored,
    the one with the most windows is quoted, because annualised figures of 5-minute and of daily
    bars are different quantities.
    """
    windows, used = view.windows, pool.used
    own = np.zeros(len(windows), dtype=bool)
    if symbol is not None:
        own = used & (windows.symbol == symbol)
    said = Said()
    if timeframe is None:
        timeframe, said = _likely_timeframe(view, own, used)
    near = np.ones(len(windows), dtype=bool)
    if timeframe is not None:
        near = np.asarray(windows.timeframe == timeframe, dtype=bool)
    return np.asarray(own & near, dtype=bool), near, timeframe, said


def _likely_timeframe(view: View, own: Bools, used: Bools) -> tuple[str | None, Said]:
    """The timeframe with the most windows: of the instrument, else of all."""
    for group in (own, used):
        counts = Counter(t for t in view.windows.timeframe[group] if t is not None)
        if not counts:
            continue
        found = min(counts, key=lambda t: (-counts[t], t))
        if len(counts) == 1:
            return found, Said()
        note = f"timeframe {found} is quoted, which has the most windows"
        return found, Said(warnings=("mixed_timeframes",), notes=(note,))
    return None, Said()


def _version(
    view: View, wanted: str | None, alive: Bools
) -> tuple[str | None, StrategySpec | None]:
    """The asked, else the last registered, else the newest version that was known and eligible."""
    if wanted is None and view.specs:
        wanted = view.specs[-1].version
    elif wanted is None:
        codes, names = view.versions
        rows = np.flatnonzero(alive & (codes >= 0)) if names else np.zeros(0, dtype=np.int64)
        if len(rows):
            newest = np.lexsort((codes[rows], view.known_at[rows]))[-1]
            wanted = names[codes[rows[newest]]]
    spec = next((s for s in view.specs if s.version == wanted), None)
    return wanted, spec


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
