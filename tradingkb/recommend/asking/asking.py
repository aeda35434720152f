"""Asking: what users give becomes a question; its answer is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from numbers import Real
from typing import Any

import polars as pl

from tradingkb.domain import Caller, Deadline, IndexTarget, Mode, Overrides, Question, as_moment
from tradingkb.exceptions import InvalidInputError
from tradingkb.progress import progress_bar
from tradingkb.recommend.answer import Explanation, Recommendation
from tradingkb.recommend.asking.again import AnsweredAgain, differences
from tradingkb.recommend.asking.event import event_row
from tradingkb.recommend.asking.event_log import EventLog
from tradingkb.recommend.asking.event_question import question_of
from tradingkb.recommend.asking.many import answer_many
from tradingkb.recommend.asking.market import (
    GivenMarket,
    checked_tags,
    read_own_trades,
)
from tradingkb.recommend.asking.markets import Markets
from tradingkb.recommend.asking.question_table import RowReader, product_rows, question_rows
from tradingkb.recommend.asking.recommender import Recommender
from tradingkb.recommend.known import KnownStore
from tradingkb.workspaces import Workspaces

Moment = datetime | date | str | None


@dataclass(frozen=True)
class GivenQuestion:
    """A question as users give it; see `Question` for the meaning of each."""

    strategy_name: str
    objective_type: str = "sharpe"
    market: GivenMarket = field(default_factory=GivenMarket)
    own_trials: Any = None
    as_of: Moment = None
    overrides: Overrides = field(default_factory=Overrides)
    min_deflated_sharpe: float | None = None
    max_pbo: float | None = None
    strategy_version: str | None = None
    mode: Mode = "full"
    caller: Caller = "python"
    request_id: str | None = None
    deadline_s: float | None = None


class Asking:
    """The questions that users ask of one knowledge base."""

    def __init__(
        self,
        workspaces: Workspaces,
        store: KnownStore,
        recommender: Recommender,
        events: EventLog,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        new_id: Callable[[], str],
        progress: bool | None,
    ) -> None:
        """Takes what questions need.

        Args:
            workspaces: whose trials.
            store: knows the strategies.
            recommender: answers.
            events: records answers.
            clock: aware UTC time.
            monotonic: seconds that only grow, for deadlines.
            new_id: makes request ids.
            progress: progress bars; None shows them where a person looks on.
        """
        self._workspaces = workspaces
        self._store = store
        self.recommender = recommender
        self.events = events
        self._clock = clock
        self._monotonic = monotonic
        self._new_id = new_id
        self._progress = progress

    def recommend(self, workspace: str, given: GivenQuestion) -> Recommendation:
        """Answers a question, and records that it was asked; raises as `Recommender.answer`."""
        answer, target, question = self._answered(workspace, given)
        self.events.record(answer, target, question)
        return answer

    def unrecorded(self, workspace: str, given: GivenQuestion) -> Recommendation:
        """As `recommend`, and nothing is written: for whoever only looks."""
        return self._answered(workspace, given)[0]

    def _answered(
        self, workspace: str, given: GivenQuestion
    ) -> tuple[Recommendation, IndexTarget, Question]:
        space = self._workspaces.find(workspace)
        question = self._read(given)
        target = self._workspaces.target(space)
        return self.recommender.answer(target, question), target, question

    def answer_again(
        self,
        workspace: str,
        event: Mapping[str, Any],
        own_trades: Mapping[str, float] | None = None,
    ) -> AnsweredAgain:
        """Asks a recorded question again as of then, and records nothing.

        Args:
            workspace: slug or id.
            event: structures are read, times are aware.
            own_trades: as for `question_of`.

        Raises:
            InvalidInputError: the event does not say what was asked; see `question_of`.
            NotFoundError: its strategy is not there any more.
        """
        target = self._workspaces.target(self._workspaces.find(workspace))
        question = replace(
            question_of(event, own_trades=own_trades),
            as_of=as_moment(event["as_of"]) or as_moment(event["at"]),
            request_id=self._new_id(),
        )
        answer = self.recommender.answer(target, question)
        row = event_row(answer, target, question, self.events.replica)
        return AnsweredAgain(event, answer, differences(event, row))

    def explain(self, workspace: str, given: GivenQuestion, params: Any) -> Explanation:
        """Explains parameters; records nothing. Raises as `Recommender.explain`."""
        space = self._workspaces.find(workspace)
        question = self._read(given)
        return self.recommender.explain(self._workspaces.target(space), question, params)

    def recommend_many(
        self,
        workspace: str,
        questions: Any,
        strategies: Sequence[str] | str | None,
        markets: Any,
        shared: Mapping[str, Any],
        *,
        strict: bool,
        caller: Caller,
    ) -> pl.DataFrame:
        """Answers many questions; see `KnowledgeBase.recommend_many`."""
        space = self._workspaces.find(workspace)
        named = Markets(markets, self._clock())
        rows = question_rows(questions)
        if strategies is None and named.names:
            if questions is None:
                strategies = sorted(self._known_strategies(space.id))
            elif rows and not any("market" in row for row in rows):
                raise InvalidInputError(
                    "no question names a market",
                    field="markets",
                    remedy=f"name them in the column market, such as {named.names[0]!r}",
                )
        rows += product_rows(strategies or [], named)
        if not rows and questions is None:
            raise InvalidInputError(
                "nothing is asked",
                field="questions",
                remedy="name strategies, markets or both, or give a table of questions",
            )
        reader = RowReader(shared, named, caller, self._new_id)
        asked = [reader.read(place, row) for place, row in enumerate(rows, 1)]
        target = self._workspaces.target(space)
        with progress_bar(self._progress, "questions") as progress:
            return answer_many(
                self.recommender, self.events, target, asked, strict=strict, progress=progress
            )

    def _read(self, given: GivenQuestion) -> Question:
        request_id = given.request_id or self._new_id()
        deadline = self._deadline(given.deadline_s)  # reading takes of the time as well
        moment = as_moment(given.as_of)
        market = given.market.read(moment, self._clock())
        own = read_own_trades(given.own_trials, given.strategy_name, self._clock())
        if deadline is not None:
            deadline.check("reading the market and own trials")
        overrides = given.overrides
        tags = checked_tags(overrides.regime_tags)
        return Question(
            strategy_name=given.strategy_name,
            objective_type=given.objective_type,
            market=market,
            overrides=Overrides(**{**vars(overrides), "regime_tags": tags}),
            min_deflated_sharpe=given.min_deflated_sharpe,
            max_pbo=given.max_pbo,
            strategy_version=given.strategy_version,
            own_trades=own,
            as_of=moment,
            mode=given.mode,
            caller=given.caller,
            request_id=request_id,
            deadline=deadline,
        )

    def _deadline(self, seconds: Any) -> Deadline | None:
        if seconds is None:
            return None
        if isinstance(seconds, bool) or not isinstance(seconds, Real) or not float(seconds) > 0:
            raise InvalidInputError(
                f"{seconds!r} is no time to answer in",
                field="deadline_s",
                remedy="give seconds, more than 0, or None",
            )
        return Deadline(self._monotonic() + float(seconds), self._monotonic)

    def _known_strategies(self, workspace_id: str) -> set[str]:
        specs = {s.name for s in self._store.specs(workspace_id)}
        return specs | set(self._store.strategy_names(workspace_id))
