"""Comparing embedding models: by their neighbours, and by the answers that these lead to.

No collection is needed: windows are embedded here, and searched exactly. Nothing is recorded.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import polars as pl

from tradingkb.domain import IndexTarget, Market, Question, canonical_params
from tradingkb.evaluate.model_comparison import CHANGES, COMPARED, ComparedModel, ModelComparison
from tradingkb.indexing import (
    NOWHERE,
    Floats,
    Indexer,
    Probe,
    Sample,
    judge_neighbours,
    lost_more,
    read_sample,
    similarities,
)
from tradingkb.ports import ContentStore, ListingStore
from tradingkb.progress import Progress
from tradingkb.recommend import (
    Context,
    Filtered,
    Recommendation,
    Recommender,
    Retrieved,
    Search,
    assemble,
    find,
    nearest,
)

#: Strategies that are asked about, and regimes that are asked of each, at most.
STRATEGIES: Final = 12
QUESTIONS: Final = 5
#: Trials that are named of an answer.
_NAMED: Final = 5


class ComparedStore(ContentStore, ListingStore, Protocol):
    """What is read of a store."""


class ModelComparer:
    """Compares models on what a workspace has stored."""

    def __init__(self, store: ComparedStore, indexer: Indexer, recommender: Recommender) -> None:
        """Takes the truth, what makes embedders, and what answers."""
        self._store = store
        self._indexer = indexer
        self._recommender = recommender

    def run(
        self, target: IndexTarget, models: tuple[str, str], progress: Progress = lambda *_: None
    ) -> ModelComparison:
        """Compares two models.

        Args:
            target: whose windows and strategies.
            models: their names.
            progress: told as markets are embedded, and after each question.

        Raises:
            ConfigurationError: an unknown model.
            BackendUnavailableError: the database, or a model's server, does not answer.
        """
        sample = read_sample(self._store, target.workspace.id)
        (a, seen), (b, seen_by_b) = [self._seen(target, name, sample, progress) for name in models]
        strategies = _first(self._store.strategy_names(target.workspace.id), STRATEGIES)
        asked = [(name, row) for name in strategies for row in self._rows(target, name, sample)]
        rows: list[dict[str, Any]] = []
        for done, (name, row) in enumerate(asked, 1):
            question = _Asked(name, sample, row)
            rows += question.changes(*self._facts(target, question, seen[row], seen_by_b[row]))
            progress("questions", done, len(asked))
        changes = pl.DataFrame(rows, schema=CHANGES)
        return ModelComparison(
            workspace=target.workspace.slug,
            a=a,
            b=b,
            difference=lost_more(sample.asked, seen, seen_by_b),
            n_windows=sample.n_stored,
            n_strategies=len({name for name, _ in asked}),
            n_questions=len(asked),
            changed={field: changes.filter(field=field).height for field in COMPARED},
            changes=changes,
        )

    def _seen(
        self, target: IndexTarget, model: str, sample: Sample, progress: Progress
    ) -> tuple[ComparedModel, Floats]:
        """A model with its quality, and how like each window is to each probe as it sees them."""
        began = time.monotonic()
        embedder = self._indexer.embedder(replace(target, model=model))
        seen = similarities(
            embedder, sample, lambda _, done, total: progress(f"embed by {model}", done, total)
        )
        found = ComparedModel(
            model=model,
            dimension=embedder.dimension,
            embedded=len(sample.documents) + len(sample.probes),
            seconds=round(time.monotonic() - began, 3),
            quality=judge_neighbours(sample.asked, seen),
        )
        return found, seen

    def _rows(self, target: IndexTarget, strategy_name: str, sample: Sample) -> list[int]:
        """Which probes are asked about a strategy: of its own windows."""
        mine = self._recommender.view(target, strategy_name).windows.place_of
        keys = sample.windows["window_key"]
        names = {
            f"{strategy_name} {keys[probe.window]} {probe.side}": row
            for row, probe in enumerate(sample.probes)
            if keys[probe.window] in mine
        }
        return [names[name] for name in _first(names, QUESTIONS)]

    def _facts(self, target: IndexTarget, asked: _Asked, *seen: Floats) -> list[dict[str, Any]]:
        """What of the answers is compared, with the windows that each of the models finds."""
        recommender, config = self._recommender, self._recommender.config
        context = recommender.read(target, asked.question)
        objective = asked.question.objective_type
        newest = recommender.calibrations.newest(target.workspace.id, objective)
        searches = [asked.search(row, config.neighbour_windows) for row in seen]
        found = [find(context, config, search, lambda _: None) for search in searches]
        return [_compared(assemble(context, one, config, newest)) for one in found]


@dataclass(frozen=True)
class _Asked:
    """A question: about a strategy, in the market of a probe."""

    strategy_name: str
    sample: Sample
    row: int

    @property
    def probe(self) -> Probe:
        return self.sample.probes[self.row]

    @property
    def window(self) -> dict[str, Any]:
        return self.sample.windows.row(self.probe.window, named=True)

    @property
    def question(self) -> Question:
        # A measured regime is what came before, a stated one what will come: see `side_of`.
        stated = self.probe.side == "during"
        regime = replace(self.probe.regime, source="stated" if stated else "measured")
        return Question(
            strategy_name=self.strategy_name,
            objective_type="sharpe",
            market=Market(regime, self.window["symbol"], self.window["timeframe"]),
            caller="probe",
            request_id="compare",
        )

    def search(self, seen: Floats, limit: int) -> Search:
        """Finds the windows nearest to the probe, shape (windows of the sample,)."""
        findable = (seen > NOWHERE) & np.isfinite(self.sample.asked.distance[self.row])
        keys = self.sample.windows["window_key"].to_list()
        like = {keys[place]: float(seen[place]) for place in np.flatnonzero(findable)}

        def search(c: Context, filtered: Filtered) -> Retrieved:
            known = np.full(len(c.view.windows), np.nan)
            for key in like.keys() & c.view.windows.place_of.keys():
                known[c.view.windows.place_of[key]] = like[key]
            return nearest(np.clip(known, -1.0, 1.0), filtered, limit)

        return search

    def changes(self, a: dict[str, Any], b: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A row for each fact that is not the same."""
        about = {"strategy_name": self.strategy_name, "window_key": self.window["window_key"]}
        for field in COMPARED:
            if a[field] != b[field]:
                one, other = _beside(a[field], b[field])
                yield {**about, "side": self.probe.side, "field": field, "a": one, "b": other}


def _compared(answer: Recommendation) -> dict[str, Any]:
    return {
        "params": None if answer.params is None else canonical_params(answer.params),
        "status": answer.status,
        "trials": frozenset(answer.trials["source_id"]),
    }


def _beside(a: Any, b: Any) -> tuple[str | None, str | None]:
    """Both as texts; of trials those that the other one has not."""
    if isinstance(a, frozenset):
        return _names(a - b), _names(b - a)
    return a, b


def _names(trials: frozenset[str]) -> str:
    names = sorted(trials)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _first(names: Sequence[str] | dict[str, Any], n: int) -> list[str]:
    """At most n of some names, whichever these are, in an order that none of them decides."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:n]
