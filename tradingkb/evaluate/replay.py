"""Replaying the past: every method chooses as of a window's start, and its outcome is looked up.

The recommender is the one that answers questions, not a copy of it. Nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.objective import Objective
from tradingkb.domain.regime import Regime
from tradingkb.domain.trial import canonical_params
from tradingkb.evaluate import methods as m
from tradingkb.evaluate.decisions import Decision
from tradingkb.evaluate.outcomes import Neighbours, Outcome, at_random, look_up
from tradingkb.ports import Workspace
from tradingkb.ranking.plateau import coordinates
from tradingkb.recommend import RecommendJob, RecommendRequest
from tradingkb.recommend.assemble import assemble, nominated_sets, pick
from tradingkb.recommend.context import Context
from tradingkb.recommend.findings import Findings
from tradingkb.recommend.job import Stopwatch
from tradingkb.recommend.stake import stake
from tradingkb.recommend.view import View

Bools = NDArray[np.bool_]

#: The recommender's variants: whether the regime is measured, stated, another window's or none, and
#: whether the tuning's own results are given.
_VARIANTS: Final = {
    "tradingkb": ("measured", True),
    "stated": ("stated", True),
    "no_regime": (None, True),
    "no_own_results": ("measured", False),
    "placebo": ("placebo", True),
}

#: All that a calibration needs.
_CALIBRATING: Final = frozenset({"tradingkb", "defaults"})


@dataclass(frozen=True)
class Replayed:
    """One decision with what every method chose and earned.

    Attributes:
        outcomes: by method; None where a method chose nothing.
        facts: of the recommender's answer: status, filters, evidence, expectation, params.
    """

    decision: Decision
    outcomes: Mapping[str, Outcome | None]
    facts: Mapping[str, Any]


class Replay:
    """Replays decisions of one workspace and objective."""

    def __init__(
        self,
        job: RecommendJob,
        place: tuple[Workspace, str, str],
        objective: Objective,
        *,
        wanted: frozenset[str] = frozenset(m.METHODS),
        seed: int = 0,
    ) -> None:
        """Takes the job, (workspace, model, collection), and which methods are wanted."""
        self._job = job
        self._place = place
        self._objective = objective
        self._wanted = wanted
        self._seed = seed

    def view(self, strategy_name: str) -> View:
        """The strategy's trials as the recommender sees them."""
        workspace, _, collection = self._place
        return self._job.contexts.view(workspace, strategy_name, collection)

    def run(
        self, decisions: list[Decision], advance: Callable[[int], None] = lambda _: None
    ) -> list[Replayed]:
        """Replays the decisions of one strategy, by time."""
        if not decisions:
            return []
        view = self.view(decisions[0].strategy_name)
        donors = [d.measured for d in decisions if d.measured is not None]
        near: Neighbours | None = None
        found = []
        for k, decision in enumerate(decisions):
            context = self._read(decision)
            near = near or Neighbours(*coordinates(view.psets, context.spec))
            found.append(self._one(context, decision, near, donors))
            advance(k + 1)
        return found

    def _read(self, d: Decision) -> Context:
        request = RecommendRequest(
            strategy_name=d.strategy_name, objective_type=self._objective.name,
            symbol=d.symbol, timeframe=d.timeframe, as_of=d.as_of, caller="probe",
        )  # fmt: skip
        return self._job.contexts.read(*self._place, request)

    def _one(self, c: Context, d: Decision, near: Neighbours, donors: list[Regime]) -> Replayed:
        rng = np.random.default_rng([self._seed, d.window])
        chosen: dict[str, int | None] = {}
        facts: dict[str, Any] = {}
        main: Findings | None = None
        for name, (regime, own) in _VARIANTS.items():
            if name not in self._wanted and name != "tradingkb":
                continue
            asked = self._asked(c, d, _regime(d, regime, donors, rng), own=own)
            findings = self._job.find(asked, Stopwatch())
            if name == "tradingkb":
                main = findings
                chosen[name], facts = self._answer(asked, findings)
            else:
                choice = pick(asked, findings, nominated_sets(asked, findings))
                chosen[name] = _looked_up(choice.pset, choice.tested_pset) if choice else None
        assert main is not None
        chosen["defaults"] = _defaults(c)
        if self._wanted != _CALIBRATING:
            chosen |= self._others(c, d, main, rng)
        outcomes = {
            name: look_up(pset, d.utility, d.returns, near) for name, pset in chosen.items()
        }
        outcomes["random"] = at_random(d.utility, d.returns)
        return Replayed(d, outcomes, facts)

    def _asked(self, c: Context, d: Decision, regime: Regime | None, *, own: bool) -> Context:
        trades = d.own_trades(c.view) if own else None
        return replace(
            c, request=replace(c.request, regime=regime, own_trades=trades),
            reasons=[], warnings=list(c.warnings), notes=[], funnel=dict(c.funnel),
        )  # fmt: skip

    def _answer(self, c: Context, f: Findings) -> tuple[int | None, dict[str, Any]]:
        """What the whole answer says; its tables are not needed, its status and evidence are."""
        answer = assemble(c, f, self._job.config, "replay", dict)
        choice = pick(c, f, nominated_sets(c, f))
        pset = _looked_up(choice.pset, choice.tested_pset) if choice else None
        expected = answer.expected or {}
        ok = answer.status == "ok"
        return pset, {
            "stake": stake(c, f.evidence, f.judged, choice, ok=ok) if choice else None,
            "status": answer.status,
            "relaxed": answer.used_relaxed_filters,
            "params": canonical_params(answer.params) if answer.params else None,
            "reasons": answer.reasons,
            "expected": expected.get("value"),
            "window_low": expected.get("window_low"),
            "window_high": expected.get("window_high"),
            "n_windows": expected.get("n_windows"),
        }

    def _others(
        self, c: Context, d: Decision, f: Findings, rng: np.random.Generator
    ) -> dict[str, int | None]:
        """What the other methods choose among the sets that obey the spec."""
        pool, cells, n_windows = c.pool, c.pool.cells, len(c.view.windows)
        allowed = c.view.obeying(c.spec)
        levels = f.judged.rank.levels
        smoothed = m.in_sample_smoothed(d.inside, pool.plateau(c.spec), pool.active)
        scores = {
            "average": m.average(levels["everything"]),
            "average_others": m.average(levels["all"]),
            "knn": m.nearest_windows(cells, f.distance, n_windows),
            "random_windows": m.random_windows(cells, n_windows, rng),
            "is_best": m.in_sample(d.inside),
            "is_best_smoothed": smoothed,
            "oracle": np.where(np.isfinite(d.utility), d.utility, -np.inf),
        }
        found = {name: m.best(score, allowed) for name, score in scores.items()}
        found["oracle"] = m.best(scores["oracle"], np.ones_like(allowed))
        return found


def _looked_up(pset: int, tested: int | None) -> int:
    """Repaired parameters that nobody tried are looked up where they came from."""
    return pset if tested is None else tested


def _defaults(c: Context) -> int | None:
    params = c.spec.defaults if c.spec else None
    return c.view.pset_index.get(canonical_params(params)) if params else None


def _regime(
    d: Decision, which: str | None, donors: list[Regime], rng: np.random.Generator
) -> Regime | None:
    if which == "placebo":
        return donors[int(rng.integers(len(donors)))] if donors and d.measured else None
    return {"measured": d.measured, "stated": d.stated}.get(which or "")
