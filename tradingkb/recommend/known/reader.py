"""Reading what is known from a store, and keeping it until it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

import polars as pl

from tradingkb.domain import IndexTarget, Question, StrategySpec, get_objective
from tradingkb.exceptions import InvalidInputError, UnknownStrategyError
from tradingkb.memo import Memo
from tradingkb.ports import (
    Calibration,
    CalibrationStore,
    ContentStore,
    ListingStore,
    Partition,
    PartitionStore,
    SpecStore,
)
from tradingkb.ranking import Confidence
from tradingkb.recommend.known.context import Context, make_context
from tradingkb.recommend.known.then import Past
from tradingkb.recommend.known.view import View, make_view

#: Objectives whose calibration is kept.
_KEPT: Final = 16
#: Trials whose views are kept in memory, about 0.5 kB each.
KEPT_TRIALS: Final = 1_000_000
#: What a view takes by itself, in trials: one of a misspelt name has none, and is kept like others.
_VIEW: Final = 100
#: Trials that are read at once of many strategies.
PREPARED_TRIALS: Final = 100_000


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
        self._views: Memo[View] = Memo(KEPT_TRIALS, lambda view: len(view) + _VIEW)

    def read(self, target: IndexTarget, question: Question, view: View | None = None) -> Context:
        """Everything that is known before filters are applied.

        Args:
            target: whose trials.
            question: what is asked.
            view: the trials; default: what was said by `as_of`, or is said now.

        Raises:
            UnknownStrategyError: neither spec nor trials of that name; near names are suggested.
            UnknownObjectiveError: no such objective.
        """
        get_objective(question.objective_type)  # before a strategy's trials are read
        if view is None:
            view = self.view(target, question.strategy_name)
            if not view.specs and not len(view):
                self._refuse(target, question.strategy_name)
            if question.as_of is not None:
                view = self._then(view, target, question.strategy_name, question.as_of)
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

    def prepare(self, target: IndexTarget, strategy_names: Sequence[str]) -> None:
        """Reads the views of many strategies in few queries, where they are not kept.

        Strategies with many trials are left to `view`: what they cost is their trials. Whether a
        view still holds is asked by `view`, as ever.
        """
        workspace_id, collection = target.workspace.id, target.collection
        wanted = [n for n in strategy_names if (workspace_id, n, collection) not in self._views]
        names = self._few_trials(workspace_id, wanted) if len(wanted) > 1 else []
        if not names:
            return
        store = self._store
        partitions = store.partitions(workspace_id, names, collection)
        trials = pl.concat(
            [p.trials.select("window_id", "param_set_id") for p in partitions.values()]
        )
        windows = store.window_rows(workspace_id, trials["window_id"].unique())
        sets = store.param_set_rows(workspace_id, ids=trials["param_set_id"].unique())
        specs = store.specs(workspace_id)
        for name, partition in partitions.items():
            mine = [spec for spec in specs if spec.name == name]
            self._views.get(
                (workspace_id, name, collection),
                partial(self._make_view, workspace_id, name, partition, windows, sets, mine),
                stamp=partition.generation,
            )

    def _few_trials(self, workspace_id: str, strategy_names: Sequence[str]) -> list[str]:
        """As many of these strategies, those with the fewest trials first, as fit into memory."""
        counts = self._store.trial_counts(workspace_id, strategy_names)
        total, few = 0, []
        for name, n in sorted(counts.items(), key=lambda one: (one[1], one[0])):
            total += n
            if total <= PREPARED_TRIALS:
                few.append(name)
        return few

    def _then(self, view: View, target: IndexTarget, strategy_name: str, as_of: datetime) -> View:
        """The view as it was at a time: the same, or another one that is kept with it."""
        workspace_id = target.workspace.id
        past = view.kept.get(
            "past", None, lambda: self._past(workspace_id, strategy_name, target.collection)
        )
        specs = past.specs(as_of)
        moved = past.moved(as_of, as_of - timedelta(seconds=self.embargo_s))
        if moved.is_empty() and specs == view.specs:
            return view
        which = tuple(moved.select("trial_id", "run_id").rows())
        said = tuple(repr(spec.to_dict()) for spec in specs)
        return view.kept.get(
            "then", (which, said), lambda: self._as_it_was(view, workspace_id, past, moved, specs)
        )

    def _past(self, workspace_id: str, strategy_name: str, collection: str) -> Past:
        return Past(
            strategy_name,
            self._store.trial_versions(workspace_id, strategy_name, collection),
            self._store.spec_registrations(workspace_id, strategy_name),
        )

    def _as_it_was(
        self,
        view: View,
        workspace_id: str,
        past: Past,
        moved: pl.DataFrame,
        specs: list[StrategySpec],
    ) -> View:
        if moved.is_empty():
            return replace(view, specs=specs)
        trials = past.trials(view.partition.trials, moved)
        return make_view(
            replace(view.partition, trials=trials),
            windows=self._store.window_rows(workspace_id, trials["window_id"].unique()),
            sets=self._store.param_set_rows(workspace_id, past.strategy_name),
            specs=specs,
            read_scaler=view.read_scaler,
            read_history=view.read_history,
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
        return self._make_view(
            workspace_id,
            strategy_name,
            partition,
            self._store.window_rows(workspace_id, windows),
            self._store.param_set_rows(workspace_id, strategy_name),
            self._store.specs(workspace_id, strategy_name),
        )

    def _make_view(
        self,
        workspace_id: str,
        strategy_name: str,
        partition: Partition,
        windows: pl.DataFrame,
        sets: pl.DataFrame,
        specs: list[StrategySpec],
    ) -> View:
        return make_view(
            partition,
            windows=windows,
            sets=sets,
            specs=specs,
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
