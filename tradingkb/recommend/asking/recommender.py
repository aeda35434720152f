"""From a question to an answer, against ports only; recording it is left to others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from tradingkb.domain import IndexTarget, Question, read_params
from tradingkb.observability import emit
from tradingkb.ports import Again, EmbedderFactory, PipelineStore, VectorIndex, once
from tradingkb.recommend.answer import Explanation, Recommendation
from tradingkb.recommend.asking.retrieve import IndexSearch
from tradingkb.recommend.judging import (
    ExactSearch,
    Findings,
    RecommendConfig,
    Search,
    assemble,
    explain_params,
    find,
    gather,
)
from tradingkb.recommend.known import (
    Calibrated,
    Calibrations,
    Context,
    ContextReader,
    KnownStore,
    View,
)

#: Gives the newest calibration of a workspace and an objective.
Newest = Callable[[str, str], Calibrated | None]


class AnsweringStore(KnownStore, PipelineStore, Protocol):
    """What answers need of a store: what is known, and how it was indexed."""


class Recommender:
    """Answers questions about one store."""

    def __init__(
        self,
        store: AnsweringStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        config: RecommendConfig,
        *,
        clock: Callable[[], datetime],
        again: Again = once,
    ) -> None:
        """Takes what answers rest on; `again` runs a whole answer, which only reads."""
        self.config = config
        self.again = again
        self.calibrations = Calibrations(store)
        self._contexts = ContextReader(store, clock=clock, embargo_s=config.embargo_s)
        self._index_search = IndexSearch(
            vectors, embedders, config.neighbour_windows, store.pipelines
        )
        self._exact_search = ExactSearch(config.neighbour_windows)

    def answer(
        self, target: IndexTarget, question: Question, *, newest: Newest | None = None
    ) -> Recommendation:
        """Answers one question.

        Args:
            target: whose trials count, and where they are indexed.
            question: what is asked.
            newest: default: looked up.

        Raises:
            UnknownStrategyError, UnknownObjectiveError: with near names.
            InvalidInputError: a filter value out of its range.
            DeadlineExceededError: the question's deadline has passed.
        """
        workspace_id = target.workspace.id
        emit(
            "kb_recommend_start",
            request_id=question.request_id,
            workspace_id=workspace_id,
            strategy=question.strategy_name,
            objective=question.objective_type,
        )
        newest = newest or self.calibrations.newest
        return self.again(lambda: self._answer(target, question, newest))

    def _answer(self, target: IndexTarget, question: Question, newest: Newest) -> Recommendation:
        watch = Stopwatch(question)
        context = self._contexts.read(target, question)
        watch.lap("load_ms")
        findings = find(context, self.config, self._search(question), watch.lap)
        known = newest(target.workspace.id, question.objective_type)
        answer = assemble(context, findings, self.config, known, watch.total)
        question.check_deadline("choosing")
        return answer

    def prepare(self, target: IndexTarget, strategy_names: Sequence[str]) -> None:
        """Reads the trials of strategies that will be asked about in few queries."""
        self._contexts.prepare(target, strategy_names)

    def explain(self, target: IndexTarget, question: Question, given: Any) -> Explanation:
        """The evidence for given parameters. Nothing is stored, only logged.

        Args:
            target: whose trials count, and where they are indexed.
            question: whose answer stands beside.
            given: the parameters, as a mapping or JSON text.

        Raises:
            UnknownStrategyError, UnknownObjectiveError: with near names.
            InvalidInputError: parameters that cannot be read; see `read_params`.
            DeadlineExceededError: the question's deadline has passed.
        """
        return self.again(lambda: self._explain(target, question, given))

    def _explain(self, target: IndexTarget, question: Question, given: Any) -> Explanation:
        watch = Stopwatch(question)
        context = self._contexts.read(target, question)
        tried = [context.view.psets[int(p)] for p in context.pool.active]
        params = read_params(given, context.spec, tried)
        findings = find(context, self.config, self._search(question), watch.lap)
        known = self.calibrations.newest(target.workspace.id, question.objective_type)
        answer = assemble(context, findings, self.config, known)
        found = explain_params(context, findings, params, answer, self.config.embargo_s)
        question.check_deadline("explaining")
        _log_explanation(found, target, question, watch.total()["total_ms"])
        return found

    def read(self, target: IndexTarget, question: Question, view: View | None = None) -> Context:
        """What is known before filters are applied; raises as `answer`.

        Args:
            target: whose trials.
            question: what is asked.
            view: the trials to answer from; default: what had been said by the question's time.
        """
        return self._contexts.read(target, question, view)

    def find(self, c: Context, like: Findings | None = None) -> Findings:
        """Everything that a choice rests on; raises as `answer`.

        Args:
            c: what is known.
            like: found for a question of the same regime and filters: it is not searched again.
        """
        search = self._search(c.question) if like is None else lambda *_: like.found
        return gather(c, self.config, search, lambda _: None)

    def view(self, target: IndexTarget, strategy_name: str) -> View:
        """A strategy's trials as questions see them."""
        return self._contexts.view(target, strategy_name)

    def _search(self, question: Question) -> Search:
        """The index knows only today: an earlier time is searched in SQL's own regimes."""
        return self._index_search if question.as_of is None else self._exact_search

    def forget(self) -> None:
        """Forgets what is kept of trials, so that the next question reads them anew."""
        self._contexts.forget()


class Stopwatch:
    """Milliseconds per step of an answer; looks at the question's deadline after each."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Ends the step of that name.

        Raises:
            DeadlineExceededError: the deadline has passed.
        """
        self._end(name)
        self._question.check_deadline(name.removesuffix("_ms"))

    def total(self) -> dict[str, float]:
        """Every step, what came after the last one as `choose_ms`, and `total_ms`."""
        self._end("choose_ms")
        return {**self._laps, "total_ms": round((self._last - self._start) * 1000, 3)}

    def _end(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] = round((now - self._last) * 1000, 3)
        self._last = now


def _log_explanation(
    found: Explanation, target: IndexTarget, question: Question, total_ms: float
) -> None:
    emit(
        "kb_explain",
        request_id=question.request_id,
        workspace_id=target.workspace.id,
        strategy=found.strategy_name,
        objective=found.objective_type,
        tested=found.tested,
        place=found.place,
        n_sets=found.n_sets,
        windows_used=found.windows_used,
        reasons=found.reasons,
        warnings=found.warnings,
        source=question.caller,
        total_ms=total_ms,
    )
