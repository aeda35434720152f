"""Whether two places that should hold the same answer the same questions alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import polars as pl

from tradingkb.domain import IndexTarget, Market, Part, Regime, objectives
from tradingkb.exceptions import NotFoundError
from tradingkb.ports import ContentStore, ListingStore, PipelineStore, SpecStore
from tradingkb.progress import Progress
from tradingkb.upkeep.move_lists import difference, same_but_for_rounding

#: Answers about a strategy, an objective and a market, in its JSON form; nothing is recorded.
Answer = Callable[[IndexTarget, str, str, Market], Mapping[str, Any]]

#: What is another in every answer, and what says where it was found.
_OWN: Final = frozenset({"request_id", "at", "timings"})
_WHERE: Final = frozenset({"embed_model", "collection"})
#: What a search decides: another model lists other trials first. It chooses nothing.
_LISTED: Final = frozenset({"trials", "tie_break_counts"})
_MEASURED: Final = 3
_STATED: Final = ("uptrend", "low_volatility")
#: Differing answers that are named one by one.
_NAMED: Final = 10


class AnsweringStore(ContentStore, ListingStore, PipelineStore, SpecStore, Protocol):
    """What questions are made from, and how what is searched was made."""


@dataclass(frozen=True)
class Comparison(Part):
    """How the answers of two places compare.

    Attributes:
        asked: questions, each put to both.
        same: of them, those that were answered alike in every field.
        other_order: those that differ in nothing but the trials that a search lists first, where
            the places search with different models, or builds of one.
        rounding: those that differ in nothing but the rounding of similarities, by which a list of
            trials is ordered: servers compute in float32.
        without_index: those that one of the places made without its index, which did not answer in
            time or holds nothing: they say nothing about the move.
        different: those that differ in what is recommended, expected or said.
        examples: some of the last, with the fields that differ.
        strategies, objectives, markets: what was asked about, over all workspaces.
    """

    asked: int
    same: int
    other_order: int
    rounding: int
    without_index: int
    different: int
    examples: tuple[str, ...]
    strategies: int
    objectives: int
    markets: int

    def __str__(self) -> str:
        about = (
            f"{self.strategies} strategies x {self.objectives} objectives, "
            f"{self.markets} markets in all"
        )
        order = (
            f", {self.other_order:,} the same but for the order in which a model lists trials"
            if self.other_order
            else ""
        )
        rounding = (
            f", {self.rounding:,} the same but for the rounding of similarities, by which trials "
            "are listed"
            if self.rounding
            else ""
        )
        without = (
            f", {self.without_index:,} could not be compared, for an index did not answer: see "
            "that it is up, and try again"
            if self.without_index
            else ""
        )
        told = f"{order}{rounding}{without}"
        return f"{self.same:,} of {self.asked:,} answers are the same{told} ({about})"


@dataclass(frozen=True)
class Answering:
    """A place that answers.

    Attributes:
        store: where strategies and markets are looked up.
        targets: its workspaces, by slug.
        answer: how it answers.
    """

    store: AnsweringStore
    targets: Mapping[str, IndexTarget]
    answer: Answer


def compare_answers(here: Answering, there: Answering, progress: Progress) -> Comparison:
    """Puts the same questions to both: every strategy and objective of every workspace.

    Each about some markets that were measured there, one that is stated, and none at all.
    """
    questions = [q for q in _questions(here) if q[0] in there.targets]
    other_model = {
        slug for slug in {q[0] for q in questions} if _model(here, slug) != _model(there, slug)
    }
    found: Counter[str] = Counter()
    examples: list[str] = []
    for done, (slug, strategy, objective, label, market) in enumerate(questions, 1):
        mine = _said(here, here.targets[slug], strategy, objective, market)
        other = _said(there, there.targets[slug], strategy, objective, market)
        fields = _differing(mine, other) - _WHERE
        kind = _kind(fields, mine, other, other_model=slug in other_model)
        found[kind] += 1
        if kind == "different" and len(examples) < _NAMED:
            what = _told(fields, mine, other)
            examples.append(f"{slug}: {strategy}, {objective}, {label}: {what}")
        progress("compare answers", done, len(questions))
    return Comparison(
        len(questions),
        found["same"],
        found["other order"],
        found["rounding"],
        found["without index"],
        found["different"],
        tuple(examples),
        len({(q[0], q[1]) for q in questions}),
        len({q[2] for q in questions}),
        len({(q[0], q[3]) for q in questions}),
    )


def _model(place: Answering, slug: str) -> tuple[str, set[str]]:
    """By which model a workspace is searched, and how its vectors were made: a tag has builds."""
    target = place.targets[slug]
    return target.model, place.store.pipelines(target.workspace.id, target.collection)


def _said(
    place: Answering, target: IndexTarget, strategy: str, objective: str, market: Market
) -> Mapping[str, Any]:
    """An answer, or why there is none: a source that is written to knows more than its target."""
    try:
        return place.answer(target, strategy, objective, market)
    except NotFoundError as error:
        return {"error": str(error)}


def _questions(here: Answering) -> Iterator[tuple[str, str, str, str, Market]]:
    """Workspace, strategy, objective, and the market with its label."""
    for slug, target in here.targets.items():
        space = target.workspace.id
        specs = {spec.name for spec in here.store.specs(space)}
        markets = markets_of(here.store.window_rows(space))
        for strategy in sorted(specs | set(here.store.strategy_names(space))):
            for objective in objectives():
                for label, market in markets.items():
                    yield slug, strategy, objective.name, label, market


def markets_of(windows: pl.DataFrame) -> dict[str, Market]:
    """Markets to ask about, by label: the newest windows of some instruments, and two others."""
    measured = pl.coalesce("regime_oos", "regime_is").alias("regime")
    end = pl.coalesce("oos_end", "is_end").alias("end")
    known = windows.select("symbol", "timeframe", "window_key", measured, end).drop_nulls("regime")
    newest = known.sort("end", "window_key").unique(
        ["symbol", "timeframe"], keep="last", maintain_order=True
    )
    rows = newest.sort("symbol", "timeframe", nulls_last=True).rows(named=True)
    found = {f"{r['symbol']} {r['timeframe']}": _market(r) for r in _spread(rows)}
    stated = Regime.stated(tags=_STATED)
    return {**found, "stated": Market(stated), "no regime": Market()}


def _spread(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some of them, far apart."""
    if len(rows) <= _MEASURED:
        return list(rows)
    return [rows[n * (len(rows) - 1) // (_MEASURED - 1)] for n in range(_MEASURED)]


def _market(row: Mapping[str, Any]) -> Market:
    return Market(Regime.from_dict(json.loads(row["regime"])), row["symbol"], row["timeframe"])


def _differing(mine: Mapping[str, Any], other: Mapping[str, Any]) -> frozenset[str]:
    names = {*mine, *other} - _OWN
    return frozenset(name for name in names if mine.get(name) != other.get(name))


def _kind(
    fields: frozenset[str],
    mine: Mapping[str, Any],
    other: Mapping[str, Any],
    *,
    other_model: bool,
) -> str:
    if not fields:
        return "same"
    if "metadata_only" in fields and "error" not in fields:
        return "without index"
    if fields <= _LISTED and other_model:
        return "other order"
    if fields <= _LISTED and same_but_for_rounding(mine["trials"], other["trials"]):
        return "rounding"
    return "different"


def _told(fields: frozenset[str], mine: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Which fields differ; of trials, which and by how much."""
    named = f"{', '.join(sorted(fields))} differ"
    if "trials" not in fields or "error" in fields:
        return named
    return f"{named} ({difference(mine['trials'], other['trials'])})"
