"""Replaying the past: every method chooses as of a window's start, and its outcome is looked up.

The recommender is the one that answers questions, not a copy of it. Nothing is recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import IndexTarget, Market, Objective, Question, Regime, canonical_params
from tradingkb.evaluate import methods as m
from tradingkb.evaluate.decisions import Decision, Donors, list_donors
from tradingkb.evaluate.hindsight import Neighbours, Outcome, at_random, look_up
from tradingkb.ranking import coordinates, level
from tradingkb.recommend import (
    Chosen,
    Context,
    Findings,
    Recommender,
    View,
    nominated_sets,
    outline_of,
    pick,
)

Bools = NDArray[np.bool_]

#: The recommender's variants: whether the regime is measured, stated, another window's or none,
#: whether the tuning's own results are given, and whether the instrument's own history counts.
_VARIANTS: Final = {
    "tradingkb": ("measured", True, True),
    "stated": ("stated", True, True),
    "no_regime": (None, True, True),
    "no_own_results": ("measured", False, True),
    "no_own_history": ("measured", True, False),
    "placebo": ("placebo", True, True),
}

#: All that a calibration needs.
_CALIBRATING: Final = frozenset({"tradingkb", "defaults"})


@dataclass(frozen=True)
class Replayed:
    """One decision with what every method chose and earned.

    Attributes:
        outcomes: by method; None where a method chose nothing.
        chosen: the parameters that each method chose, as canonical text; None for nothing.
        facts: of the recommender's answer: status, filters, evidence, expectation; none where only
            a calibration asks.
    """

    decision: Decision
    outcomes: Mapping[str, Outcome | None]
    chosen: Mapping[str, str | None]
    facts: Mapping[str, Any]


class Replay:
    """Replays decisions of one workspace and objective."""

    def __init__(
        self,
        recommender: Recommender,
        target: IndexTarget,
        objective: Objective,
        *,
        wanted: frozenset[str] = frozenset(m.METHODS),
        seed: int = 0,
    ) -> None:
        """Takes what answers, about which trials, and which methods are wanted."""
        self._recommender = recommender
        self._target = target
        self._objective = objective
        self._wanted = wanted
        self._seed = seed

    def view(self, strategy_name: str) -> View:
        """The strategy's trials as the recommender sees them."""
        return self._recommender.view(self._target, strategy_name)

    def run(
        self, decisions: list[Decision], advance: Callable[[int], None] = lambda _: None
    ) -> list[Replayed]:
        """Replays the decisions of one strategy, by time."""
        if not decisions:
            return []
        view = self.view(decisions[0].strategy_name)
        donors = list_donors(view) if "placebo" in self._wanted else None
        near: Neighbours | None = None
        found = []
        for k, decision in enumerate(decisions):
            context = self._read(decision, view)
            near = near or Neighbours(*coordinates(view.psets, context.spec))
            found.append(self._one(context, decision, near, donors))
            advance(k + 1)
        return found

    def _read(self, d: Decision, view: View) -> Context:
        """What was knowable at the start of a window, as it is stored now.

        A past that is replayed is that of today's results: corrections count, and decisions,
        evidence and outcomes are of one view.
        """
        question = Question(
            strategy_name=d.strategy_name,
            objective_type=self._objective.name,
            market=Market(symbol=d.symbol, timeframe=d.timeframe),
            as_of=d.as_of,
            caller="probe",
            request_id="replay",
        )
        return self._recommender.read(self._target, question, view)

    def _one(self, c: Context, d: Decision, near: Neighbours, donors: Donors | None) -> Replayed:
        chosen: dict[str, _Choice | None] = {}
        facts: dict[str, Any] = {}
        main: Findings | None = None
        trades = d.own_trades(c.view)
        for name, (regime, own, history) in _VARIANTS.items():
            if name not in self._wanted and name != "tradingkb":
                continue
            asked = _asked(c, self._regime(d, regime, donors), trades if own else None)
            if not history:
                asked = replace(asked, own=np.zeros_like(c.own))
            findings = self._recommender.find(asked, main if regime == "measured" else None)
            if name == "tradingkb":
                main = findings
                facts = {} if self._wanted == _CALIBRATING else self._facts(asked, findings)
            chosen[name] = _choice(pick(asked, findings, nominated_sets(asked, findings)))
        assert main is not None
        chosen["defaults"] = _defaults(c)
        if self._wanted != _CALIBRATING:
            chosen |= self._others(c, d, main)
        outcomes = {name: _outcome(choice, d, near) for name, choice in chosen.items()}
        outcomes["random"] = at_random(d.utility, d.returns)
        texts = {name: choice.text if choice else None for name, choice in chosen.items()}
        return Replayed(d, outcomes, texts, facts)

    def _regime(self, d: Decision, which: str | None, donors: Donors | None) -> Regime | None:
        if which == "placebo":
            return donors.draw(d, self._rng(d, which)) if donors and d.measured else None
        return {"measured": d.measured, "stated": d.stated}.get(which or "")

    def _rng(self, d: Decision, method: str) -> np.random.Generator:
        """Draws of one decision and method: windows that come in later change none of them."""
        digest = hashlib.sha256(f"{method} {d.strategy_name} {d.window_key}".encode()).digest()
        return np.random.default_rng([self._seed, int.from_bytes(digest[:8], "big")])

    def _facts(self, c: Context, f: Findings) -> dict[str, Any]:
        """What the answer says, short of its tables and of the luck, which decide nothing here."""
        answer = outline_of(c, f, nominated_sets(c, f))
        expected = answer.expected
        return {
            "status": answer.status,
            "relaxed": f.filtered.used_relaxed,
            "reasons": list(answer.said.reasons),
            "expected": expected.value if expected else None,
            "window_low": expected.window_low if expected else None,
            "window_high": expected.window_high if expected else None,
            "n_windows": expected.n_windows if expected else None,
        }

    def _others(self, c: Context, d: Decision, f: Findings) -> dict[str, _Choice | None]:
        """What the other methods choose among the sets that obey the spec."""
        pool, cells, n_windows = c.pool, c.pool.cells, len(c.view.windows)
        allowed = c.view.obeying(c.spec)
        others = level(cells, (~c.own).astype(np.float64), cells.rank)
        smoothed = m.in_sample_smoothed(d.inside, pool.plateau(c.spec), pool.active)
        scores = {
            "average": f.judged.plain,
            "average_others": m.average(others),
            "knn": m.nearest_windows(cells, f.distance, n_windows),
            "random_windows": m.random_windows(cells, n_windows, self._rng(d, "random_windows")),
            "is_best": m.in_sample(d.inside),
            "is_best_smoothed": smoothed,
            "oracle": np.where(np.isfinite(d.utility), d.utility, -np.inf),
        }
        found = {name: m.best(score, allowed) for name, score in scores.items()}
        found["oracle"] = m.best(scores["oracle"], np.ones_like(allowed))
        texts = c.view.pset_texts
        wanted = {name: pset for name, pset in found.items() if name in self._wanted}
        return {name: None if p is None else _Choice(p, texts[p]) for name, p in wanted.items()}


def _asked(c: Context, regime: Regime | None, trades: dict[str, float] | None) -> Context:
    market = replace(c.question.market, regime=regime)
    return replace(c, question=replace(c.question, market=market, own_trades=trades))


@dataclass(frozen=True)
class _Choice:
    """What a method chose: where its result is looked up, its text, and whether that is it."""

    pset: int
    text: str
    tested: bool = True


def _choice(chosen: Chosen | None) -> _Choice | None:
    """Repaired parameters that nobody tried are looked up where they came from."""
    if chosen is None:
        return None
    text, tested = canonical_params(chosen.params), chosen.tested_pset
    return _Choice(chosen.pset, text, False) if tested is None else _Choice(tested, text)


def _defaults(c: Context) -> _Choice | None:
    params = c.spec.defaults if c.spec else None
    text = canonical_params(params) if params else ""
    pset = c.view.pset_index.get(text)
    return None if pset is None else _Choice(pset, text)


def _outcome(choice: _Choice | None, d: Decision, near: Neighbours) -> Outcome | None:
    found = look_up(choice.pset, d.utility, d.returns, near) if choice else None
    return replace(found, exact=False) if found and choice and not choice.tested else found
