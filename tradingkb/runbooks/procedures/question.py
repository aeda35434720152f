"""One fixed question, asked of replicas and of the store: is the answer as it was?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import TradingKBError
from tradingkb.plain import plain
from tradingkb.runbooks.procedures.http import Tokens, ask

if TYPE_CHECKING:
    from tradingkb.knowledge_base import KnowledgeBase

#: What an answer is compared by; times, ids and wording are not among it.
COMPARED: Final = (
    *("status", "params", "expected", "confidence", "reasons", "metadata_only"),
    *("after_strict", "after_relaxed", "embed_model", "collection"),
)
#: What is told of an answer.
_TOLD: Final = ("status", "confidence", "params", "reasons", "metadata_only")
#: Seconds that an answer is waited for: the service's own deadline, and a little.
_PATIENCE_S: Final = 35.0


@dataclass(frozen=True)
class Answered:
    """What came of the question.

    Attributes:
        by: who was asked: an address, or "the store".
        answer: what is compared; None where no answer came.
        told: why none came.
    """

    by: str
    answer: Mapping[str, Any] | None
    told: str = ""

    def row(self) -> dict[str, Any]:
        """As a row of a table."""
        found = {name: self.answer.get(name) if self.answer else None for name in _TOLD}
        return {"asked": self.by, **found, "told": self.told}

    def differences(self, other: Answered) -> list[str]:
        """Where two answers differ, a sentence each; that one lacks is one, too."""
        if self.answer is None or other.answer is None:
            return [f"{one.by}: {one.told}" for one in (self, other) if one.answer is None]
        return [
            f"{name}: {self.answer[name]} by {self.by}, {other.answer[name]} by {other.by}"
            for name in COMPARED
            if self.answer[name] != other.answer[name]
        ]


@dataclass(frozen=True)
class FixedQuestion:
    """Which parameters of a strategy are recommended, in a stated market.

    Attributes:
        workspace: slug or id.
        strategy: its name; None where the workspace has no trials.
        objective: what its parameters are to be good at.
        tags: of the market; without any the vectors are not searched.
    """

    workspace: str
    strategy: str | None
    objective: str
    tags: Sequence[str]

    def asked_of(self, url: str, tokens: Tokens) -> Answered:
        """Asks a replica, as a probe."""
        body: dict[str, Any] = {
            "workspace_id": self.workspace,
            "strategy_name": self.strategy,
            "objective_type": self.objective,
            "source": "probe",
        }
        if self.tags:
            body["regime"] = list(self.tags)
        came = ask(url, "/kb/trials/recommend", body, tokens=tokens, timeout_s=_PATIENCE_S)
        if came.ok and isinstance(came.body, dict):
            return Answered(url, _compared(came.body))
        return Answered(url, None, came.told)

    def asked_of_store(self, kb: KnowledgeBase) -> Answered:
        """Asks the store itself, as a probe."""
        try:
            found = kb.recommend(
                str(self.strategy),
                self.objective,
                self.workspace,
                regime=list(self.tags) or None,
                caller="probe",
            )
        except TradingKBError as error:
            return Answered("the store", None, str(error))
        return Answered("the store", _compared(plain(found.to_dict(without=_TABLES))))


_TABLES: Final = ("evidence", "trials")


def question_of(
    kb: KnowledgeBase, workspace: str, strategy: str, objective: str, tags: str
) -> FixedQuestion:
    """The question that a runbook's parameters say.

    Args:
        kb: knows the strategies.
        workspace: slug or id.
        strategy: its name; "" for the one with most trials.
        objective: what its parameters are to be good at.
        tags: of the stated market, with commas.
    """
    import polars as pl

    chosen: str | None = strategy or None
    if chosen is None:
        tried = kb.strategies(workspace).filter(pl.col("n_trials") > 0)
        names = tried.sort(-pl.col("n_trials"), "strategy_name")["strategy_name"].to_list()
        chosen = names[0] if names else None
    stated = [tag.strip() for tag in tags.split(",") if tag.strip()]
    return FixedQuestion(workspace, chosen, objective, stated)


def _compared(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer.get(name) for name in COMPARED}
