"""What one answer starts from: the strategy's trials, and which of them count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.objective import Objective, get_objective
from tradingkb.domain.strategy import StrategySpec
from tradingkb.exceptions import UnknownStrategyError
from tradingkb.memo import Memo
from tradingkb.ports import TrialStore, Workspace
from tradingkb.recommend.history import statuses_as_of
from tradingkb.recommend.pool import Pool, make_pool
from tradingkb.recommend.request import RecommendRequest
from tradingkb.recommend.view import (
    STATUS_CODE,
    Statuses,
    View,
    eligible,
    make_view,
)

Bools = NDArray[np.bool_]
_MICROS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Trials whose views are kept in memory, about 0.5 kB each.
KEPT_TRIALS: Final = 1_000_000


@dataclass
class Context:
    """What the steps of one answer share.

    Attributes:
        spec: the spec in force, None when none is registered for the version.
        version: the strategy version whose evidence counts, None for all.
        statuses: shape (n,), as of the question's time.
        pool: the usable trials: eligible, known, of the version, with a score.
        own, near: shape (w,), windows of the query's instrument, and of its timeframe.
        timeframe: the query's, or the one that the evidence suggests.
        known_until: microseconds since 1970 UTC; what became known later does not count.
        reasons, warnings, notes: filled by the steps.
        funnel: trials that are left after each condition.
    """

    workspace: Workspace
    request: RecommendRequest
    model: str
    collection: str
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
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    funnel: dict[str, int] = field(default_factory=dict)

    @property
    def stated(self) -> bool:
        """Whether the query's regime is stated rather than measured."""
        return self.request.regime is not None and self.request.regime.source == "stated"

    @property
    def promoted(self) -> Bools:
        """Parameter sets of which a usable trial is promoted, shape (p,)."""
        found = np.zeros(len(self.view.psets), dtype=bool)
        promoted = self.statuses == STATUS_CODE["promoted"]
        found[self.view.pset[promoted & self.pool.usable]] = True
        return found


class ContextReader:
    """Reads contexts from a store; keeps one view per strategy until its generation moves."""

    def __init__(
        self, store: TrialStore, *, clock: Callable[[], datetime], embargo_s: float = 0.0
    ) -> None:
        self.store = store
        self.clock = clock
        self.embargo_s = embargo_s
        self._views: Memo[View] = Memo(KEPT_TRIALS, len)

    def read(
        self, workspace: Workspace, model: str, collection: str, request: RecommendRequest
    ) -> Context:
        """Everything that is known before filters are applied.

        Raises:
            UnknownStrategyError: neither spec nor trials of that name; near names are suggested.
            UnknownObjectiveError: no such objective.
        """
        objective = get_objective(request.objective_type)
        view = self.view(workspace, request.strategy_name, collection)
        if not view.specs and not len(view):
            self._refuse(workspace, request)
        now = self.clock()
        micros = to_micros(request.as_of or now) - round(self.embargo_s * _MICROS)
        statuses = view.statuses
        if request.as_of is not None:
            statuses = statuses_as_of(view, to_micros(request.as_of))
        known, alive = view.known_at <= micros, eligible(statuses)
        version, spec = _version(view, request.strategy_version, known & alive)
        funnel, usable = _restrict(
            {
                "stored": np.ones(len(view), dtype=bool),
                "known": known,
                "eligible": alive,
                "of_version": of_version(view, version),
                "scored": view.scores(objective).known,
            }
        )
        archived = view.archived(to_micros(request.as_of) if request.as_of else None)
        pool = view.pools.get(
            (objective.name, usable.tobytes(), archived.tobytes()),
            lambda: make_pool(view, usable, archived, objective),
        )
        context = Context(
            workspace=workspace,
            request=request,
            model=model,
            collection=collection,
            objective=objective,
            view=view,
            now=now,
            spec=spec,
            version=version,
            statuses=statuses,
            pool=pool,
            own=np.zeros(len(view.windows), dtype=bool),
            near=np.ones(len(view.windows), dtype=bool),
            timeframe=request.timeframe,
            known_until=micros,
            warnings=list(request.warnings),
            notes=list(request.notes),
            funnel=funnel,
        )
        _place(context)
        _warn_about_mixtures(context)
        return context

    def view(self, workspace: Workspace, strategy_name: str, collection: str) -> View:
        """The strategy's trials as arrays, kept until its generation moves."""
        return self._views.get(
            (workspace.id, strategy_name, collection),
            lambda: self._read_view(workspace.id, strategy_name, collection),
            stamp=self.store.generation(workspace.id, strategy_name),
            renew=lambda view: self._read_view(workspace.id, strategy_name, collection, view),
        )

    def _read_view(
        self, workspace_id: str, strategy_name: str, collection: str, known: View | None = None
    ) -> View:
        # The rest is read after the generation: it may be newer, and then the generation has
        # moved, so that the next question reads again.
        _, trials = self.store.partition(workspace_id, strategy_name, collection)
        if known is not None and known.trials is trials:
            return known
        return make_view(
            trials,
            windows=self.store.window_rows(workspace_id, trials["window_id"].unique()),
            sets=self.store.param_set_rows(workspace_id, strategy_name),
            specs=self.store.specs(workspace_id, strategy_name),
            read_scaler=lambda: self.store.scaler(workspace_id),
            read_history=lambda: self.store.status_history(workspace_id, strategy_name),
        )

    def _refuse(self, workspace: Workspace, request: RecommendRequest) -> None:
        specs = self.store.specs(workspace.id)
        known = [*(s.name for s in specs), *self.store.strategy_names(workspace.id)]
        if request.strategy_name in known:  # all its trials are withdrawn: it is known, and empty
            return
        raise UnknownStrategyError(
            "strategy_name",
            request.strategy_name,
            known,
            remedy=f"kb.strategies(workspace={workspace.slug!r}) lists what is there",
        )


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


def _place(c: Context) -> None:
    """The query's own windows, and those of its timeframe.

    A symbol of one timeframe says its timeframe; where nothing says it and several are stored,
    the one with the most windows is quoted, because annualised figures of 5-minute and of daily
    bars are different quantities.
    """
    windows = c.view.windows
    used = c.pool.used
    own = np.zeros(len(windows), dtype=bool)
    if c.request.symbol is not None:
        own = used & (windows.symbol == c.request.symbol)
    if c.timeframe is None:
        for group in (own, used):
            counts = Counter(t for t in windows.timeframe[group] if t is not None)
            if not counts:
                continue
            c.timeframe = min(counts, key=lambda t: (-counts[t], t))
            if len(counts) > 1:
                c.warnings.append("mixed_timeframes")
                c.notes.append(f"timeframe {c.timeframe} is quoted, which has the most windows")
            break
    if c.timeframe is not None:
        c.near = np.asarray(windows.timeframe == c.timeframe, dtype=bool)
    c.own = np.asarray(own & c.near, dtype=bool)


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


def _warn_about_mixtures(c: Context) -> None:
    if c.spec is None:
        c.warnings.append("no_strategy_spec")
    c.warnings += c.pool.mixtures
