"""What one answer starts from: the strategy's trials, and which of them count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.lifecycle import ELIGIBLE
from tradingkb.domain.objective import Objective, get_objective
from tradingkb.domain.strategy import StrategySpec
from tradingkb.exceptions import UnknownStrategyError
from tradingkb.ports import TrialStore, Workspace
from tradingkb.recommend.request import RecommendRequest
from tradingkb.recommend.view import View, make_view, statuses_as_of

Bools = NDArray[np.bool_]
_MICROS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Context:
    """What the steps of one answer share.

    Attributes:
        spec: the spec in force, None when none is registered for the version.
        version: the strategy version whose evidence counts, None for all.
        statuses: shape (n,), as of the question's time.
        usable: shape (n,), eligible, known, of the version, with a score.
        own, near: shape (w,), windows of the query's instrument, and of its timeframe.
        timeframe: the query's, or the one that the evidence suggests.
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
    statuses: list[str]
    usable: Bools
    own: Bools
    near: Bools
    timeframe: str | None
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
        promoted = np.array([s == "promoted" for s in self.statuses], dtype=bool)
        found[self.view.pset[promoted & self.usable]] = True
        return found


class ContextReader:
    """Reads contexts from a store; keeps one view per strategy until its generation moves."""

    def __init__(
        self, store: TrialStore, *, clock: Callable[[], datetime], embargo_s: float = 0.0
    ) -> None:
        self.store = store
        self.clock = clock
        self.embargo_s = embargo_s
        self._views: dict[tuple[str, str, str], View] = {}

    def read(
        self, workspace: Workspace, model: str, collection: str, request: RecommendRequest
    ) -> Context:
        """Everything that is known before filters are applied.

        Raises:
            UnknownStrategyError: neither spec nor trials of that name; near names are suggested.
            UnknownObjectiveError: no such objective.
        """
        objective = get_objective(request.objective_type)
        specs = self.store.specs(workspace.id)
        view = self.view(workspace, request.strategy_name, collection)
        mine = [s for s in specs if s.name == request.strategy_name]
        if not mine and not len(view):
            self._refuse(workspace, request, specs)
        now = self.clock()
        micros = to_micros(request.as_of or now) - round(self.embargo_s * _MICROS)
        statuses = self._statuses(workspace, request, view)
        alive = (view.known_at <= micros) & _eligible(statuses)
        version, spec = _version(view, mine, request.strategy_version, alive)
        context = Context(
            workspace=workspace, request=request, model=model, collection=collection,
            objective=objective, view=view, now=now, spec=spec, version=version,
            statuses=statuses,
            usable=np.zeros(len(view), dtype=bool),
            own=np.zeros(len(view.windows), dtype=bool),
            near=np.ones(len(view.windows), dtype=bool), timeframe=request.timeframe,
            warnings=list(request.warnings), notes=list(request.notes),
        )  # fmt: skip
        _restrict(context, micros)
        _place(context)
        _warn_about_mixtures(context)
        return context

    def view(self, workspace: Workspace, strategy_name: str, collection: str) -> View:
        """The strategy's trials as arrays, cached."""
        generation, trials = self.store.partition(workspace.id, strategy_name, collection)
        key = (workspace.id, strategy_name, collection)
        cached = self._views.get(key)
        if cached is None or cached.generation != generation:
            windows = self.store.window_rows(workspace.id)
            sets = self.store.param_set_rows(workspace.id, strategy_name)
            cached = self._views[key] = make_view(generation, trials, windows, sets)
        return cached

    def _refuse(
        self, workspace: Workspace, request: RecommendRequest, specs: list[StrategySpec]
    ) -> None:
        known = [*(s.name for s in specs), *self.store.strategy_names(workspace.id)]
        raise UnknownStrategyError(
            "strategy_name", request.strategy_name, known,
            remedy=f"kb.strategies(workspace={workspace.slug!r}) lists what is there",
        )  # fmt: skip

    def _statuses(self, workspace: Workspace, request: RecommendRequest, view: View) -> list[str]:
        if request.as_of is None:
            statuses: list[str] = view.frame["kb_status"].to_list()
            return statuses
        history = self.store.status_history(workspace.id, request.strategy_name)
        return statuses_as_of(view, history, to_micros(request.as_of))


def _eligible(statuses: list[str]) -> Bools:
    return np.array([s in ELIGIBLE for s in statuses], dtype=bool)


def _restrict(c: Context, micros: int) -> None:
    """Who counts; each condition's survivors go into the funnel."""
    view, versions = c.view, c.view.frame["strategy_version"]
    of_version = np.ones(len(view), dtype=bool)
    if c.version is not None:  # a trial that names no version is taken to be of any
        of_version = (versions.is_null() | (versions == c.version)).fill_null(True).to_numpy()
    oos, inside = (np.isfinite(view.scores(c.objective, s)) for s in ("oos", "is"))
    conditions: dict[str, Any] = {
        "stored": np.ones(len(view), dtype=bool),
        "known": view.known_at <= micros,
        "eligible": _eligible(c.statuses),
        "of_version": of_version,
        "scored": oos | inside,
    }
    left = np.ones(len(view), dtype=bool)
    for name, mask in conditions.items():
        left = left & mask
        c.funnel[name] = int(left.sum())
    c.usable = left


def _place(c: Context) -> None:
    """The query's own windows, and those of its timeframe.

    A symbol of one timeframe says its timeframe; where nothing says it and several are stored,
    the one with the most windows is quoted, because annualised figures of 5-minute and of daily
    bars are different quantities.
    """
    windows = c.view.windows
    used = np.bincount(c.view.window[c.usable], minlength=len(windows)) > 0
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
    view: View, specs: list[StrategySpec], wanted: str | None, alive: Bools
) -> tuple[str | None, StrategySpec | None]:
    """The asked, else the last registered, else the newest version that was known and eligible."""
    if wanted is None and specs:
        wanted = specs[-1].version
    elif wanted is None:
        named = view.frame.filter(alive & view.frame["strategy_version"].is_not_null().to_numpy())
        newest = named.sort("known_at", "strategy_version")["strategy_version"]
        wanted = newest[-1] if len(newest) else None
    spec = next((s for s in specs if s.version == wanted), None)
    return wanted, spec


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _warn_about_mixtures(c: Context) -> None:
    if c.spec is None:
        c.warnings.append("no_strategy_spec")
    used = c.view.frame.filter(c.usable)
    unstated = used["strategy_version"].is_null()
    if unstated.any() and not unstated.all():
        c.warnings.append("mixed_strategy_versions")
    if used["cost_bps"].n_unique() > 1:
        c.warnings.append("mixed_costs")
