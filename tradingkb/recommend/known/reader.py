"""Reading what is known from a store, and keeping it until it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from tradingkb.domain import IndexTarget, Question, get_objective
from tradingkb.exceptions import InvalidInputError, UnknownStrategyError
from tradingkb.memo import Memo
from tradingkb.ports import (
    Calibration,
    CalibrationStore,
    ContentStore,
    ListingStore,
    PartitionStore,
    SpecStore,
)
from tradingkb.ranking import Confidence
from tradingkb.recommend.known.context import Context, make_context
from tradingkb.recommend.known.view import View, make_view

#: Objectives whose calibration is kept.
_KEPT: Final = 16
#: Trials whose views are kept in memory, about 0.5 kB each.
KEPT_TRIALS: Final = 1_000_000


class KnownStore(PartitionStore, ContentStore, SpecStore, ListingStore, CalibrationStore, Protocol):
    """What questions read of a store."""


class ContextReader:
    """Reads contexts from a store."""

    def __init__(
        self, store: KnownStore, *, clock: Callable[[], datetime], embargo_s: float = 0.0
    ) -> None:
        self._store = store
        self._clock = clock
        self.embargo_s = embargo_s
        self._views: Memo[View] = Memo(KEPT_TRIALS, len)

    def read(self, target: IndexTarget, question: Question) -> Context:
        """Everything that is known before filters are applied.

        Raises:
            UnknownStrategyError: neither spec nor trials of that name; near names are suggested.
            UnknownObjectiveError: no such objective.
        """
        get_objective(question.objective_type)  # before a strategy's trials are read
        view = self.view(target, question.strategy_name)
        if not view.specs and not len(view):
            self._refuse(target, question.strategy_name)
        return make_context(target, question, view, self._clock(), self.embargo_s)

    def view(self, target: IndexTarget, strategy_name: str) -> View:
        """The strategy's trials as arrays, kept until its generation moves."""
        key = (target.workspace.id, strategy_name, target.collection)
        return self._views.get(
            key,
            lambda: self._read_view(*key),
            stamp=self._store.generation(target.workspace.id, strategy_name),
            renew=lambda view: self._read_view(*key, view),
        )

    def forget(self) -> None:
        """Forgets every view: a measurement, or a test, wants to read anew."""
        self._views.clear()

    def _read_view(
        self, workspace_id: str, strategy_name: str, collection: str, known: View | None = None
    ) -> View:
        # The rest is read after the generation: it may be newer, and then the generation has
        # moved, so that the next question reads again.
        before = known.partition if known is not None else None
        news = self._store.partition(workspace_id, strategy_name, collection, before)
        if known is not None and news.kind == "unchanged":
            return known
        partition = news.onto(before)
        windows = partition.trials["window_id"].unique()
        return make_view(
            partition,
            windows=self._store.window_rows(workspace_id, windows),
            sets=self._store.param_set_rows(workspace_id, strategy_name),
            specs=self._store.specs(workspace_id, strategy_name),
            read_scaler=lambda: self._store.scaler(workspace_id),
            read_history=lambda: self._store.status_history(workspace_id, strategy_name),
        )

    def _refuse(self, target: IndexTarget, strategy_name: str) -> None:
        workspace = target.workspace
        specs = self._store.specs(workspace.id)
        known = [*(s.name for s in specs), *self._store.strategy_names(workspace.id)]
        if strategy_name in known:  # all its trials are withdrawn: it is known, and empty
            return
        raise UnknownStrategyError(
            "strategy_name",
            strategy_name,
            known,
            remedy=f"kb.strategies(workspace={workspace.slug!r}) lists what is there",
        )


@dataclass(frozen=True)
class Calibrated:
    """A stored calibration, and its rate: None where it has none, or one of another release."""

    stored: Calibration
    rate: Confidence | None

    def windows(self, strategy_name: str) -> int:
        """Windows of the strategy that had a score by then."""
        return next(
            (int(s["windows"]) for s in self.stored.strategies if s["name"] == strategy_name), 0
        )


class Calibrations:
    """The newest calibration of each objective, read when it is first asked for."""

    def __init__(self, store: KnownStore) -> None:
        self._store = store
        self._kept: Memo[Calibrated | None] = Memo(_KEPT)

    def newest(self, workspace_id: str, objective_type: str) -> Calibrated | None:
        """None when none was ever fitted."""
        return self._kept.get(
            (workspace_id, objective_type),
            lambda: self._read(workspace_id, objective_type),
            stamp=self._store.calibration_mark(workspace_id, objective_type),
        )

    def _read(self, workspace_id: str, objective_type: str) -> Calibrated | None:
        stored = self._store.calibration(workspace_id, objective_type)
        if stored is None:
            return None
        try:
            rate = Confidence.from_dict(stored.model) if stored.model else None
        except InvalidInputError:
            rate = None
        return Calibrated(stored, rate)
