"""Explaining given parameters: the steps of an answer, with these in place of the choice; pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from tradingkb.domain import MIN_WINDOWS, GivenParams, canonical_params
from tradingkb.ranking import Expectation, nearest_sets
from tradingkb.recommend.answer import (
    AgainstDefaults,
    Baseline,
    Explanation,
    NearSet,
    Recommendation,
    Recommended,
    actions_for,
)
from tradingkb.recommend.judging.answer_tables import evidence_table
from tradingkb.recommend.judging.assemble import nominated_sets
from tradingkb.recommend.judging.findings import Findings
from tradingkb.recommend.judging.judge import baseline, expect
from tradingkb.recommend.judging.status import foreign_instrument, is_loss
from tradingkb.recommend.known import Context, to_micros

#: Scores are sums of the same evidence in another order: a difference below this is none.
_ROUNDING: Final = 1e-12


def explain_params(
    c: Context, f: Findings, given: GivenParams, answer: Recommendation, embargo_s: float
) -> Explanation:
    """The evidence for given parameters, beside the answer to the same question."""
    return _Explainer(c, f, given, embargo_s).explain(answer)


class _Explainer:
    """The parts of one explanation."""

    def __init__(self, c: Context, f: Findings, given: GivenParams, embargo_s: float) -> None:
        self.c, self.f, self.given = c, f, given
        self._embargo_s = embargo_s
        self._active = c.pool.active
        self.row = c.view.pset_index.get(canonical_params(given.params))
        self.pset = self.row if self.row is not None and self.row in self._active else None
        self.problems = tuple(c.spec.problems(given.params)) if c.spec else ()

    def explain(self, answer: Recommendation) -> Explanation:
        """Everything, beside the answer to the same question."""
        c, f = self.c, self.f
        expected = self._expected(self.pset)
        beside = baseline(f.evidence, f.judged, nominated_sets(c, f), c.spec, self.pset)
        evidence = evidence_table(f.evidence, self.pset, f.distance, f.kernel)
        reasons = self._reasons(expected) if len(self._active) else answer.reasons
        warnings = self._warnings(expected, beside)
        return Explanation(
            at=c.now,
            workspace=c.target.workspace.slug,
            strategy_name=c.question.strategy_name,
            objective_type=c.question.objective_type,
            params=self.given.params,
            filled=self.given.filled,
            tested=self.pset is not None,
            problems=self.problems,
            place=self._place(self.pset),
            n_sets=self._n_sets(),
            score_difference=self._score_difference(),
            expected=expected,
            evidence=evidence,
            windows_used=evidence.height,
            quarters_used=expected.n_quarters if expected else 0,
            symbols=tuple(sorted(evidence["symbol"].drop_nulls().unique())),
            against_defaults=self._against_defaults(),
            recommended=self._recommended(answer),
            baseline=beside,
            nearest=self._nearest(),
            reasons=reasons,
            warnings=warnings,
            notes=(*c.said.notes, *self._notes()),
            suggested_actions=actions_for([*reasons, *warnings]),
            regime=c.question.market.regime,
            symbol=c.question.market.symbol,
            timeframe=c.timeframe,
            as_of=c.question.as_of,
            strategy_version=c.version,
            weights=answer.weights,
        )

    def _expected(self, pset: int | None) -> Expectation | None:
        if pset is None:
            return None
        return expect(self.f.evidence, self.f.judged, pset, self.c.spec)

    def _n_sets(self) -> int:
        return int(np.isfinite(self.f.judged.score).sum())

    def _place(self, pset: int | None) -> int | None:
        score = self.f.judged.score
        if pset is None or not np.isfinite(score[pset]):
            return None
        return 1 + int((score > score[pset] + _ROUNDING).sum())

    def _score_difference(self) -> float | None:
        if self._place(self.pset) is None or self.pset is None:
            return None
        score = self.f.judged.score
        return min(float(score[self.pset] - score.max()), 0.0)

    def _against_defaults(self) -> AgainstDefaults | None:
        defaults = self._defaults()
        if self.pset is None or defaults is None or defaults == self.pset:
            return None
        cells, quoted = self.f.evidence.cells, self.f.evidence.standing.quoted
        mine, theirs = cells.of_pset(self.pset), cells.of_pset(defaults)
        windows, a, b = np.intersect1d(
            cells.window[mine], cells.window[theirs], assume_unique=True, return_indices=True
        )
        kept = quoted[windows]
        lead = (cells.utility[mine[a]] - cells.utility[theirs[b]])[kept]
        if not len(lead):
            return None
        return AgainstDefaults(
            n=len(lead),
            n_quarters=len(np.unique(cells.quarter[windows[kept]])),
            n_better=int((lead > 0).sum()),
            n_equal=int((lead == 0).sum()),
            share=float((lead > 0).mean()),
            mean_difference=float(lead.mean()),
        )

    def _defaults(self) -> int | None:
        params = self.c.spec.defaults if self.c.spec else None
        pset = self.c.view.pset_index.get(canonical_params(params)) if params else None
        return pset if pset is not None and pset in self._active else None

    def _recommended(self, answer: Recommendation) -> Recommended:
        text = canonical_params(answer.params) if answer.params is not None else None
        pset = self.c.view.pset_index.get(text) if text else None
        return Recommended(
            status=answer.status,
            params=answer.params,
            expected=answer.expected,
            place=self._place(pset) if answer.params_tested else None,
            same=text == canonical_params(self.given.params),
            reasons=answer.reasons,
            warnings=answer.warnings,
        )

    def _nearest(self) -> tuple[NearSet, ...]:
        if self.pset is not None:
            return ()
        tried = [self.c.view.psets[int(p)] for p in self._active]
        found = []
        for place, steps in nearest_sets(tried, self.given.params, self.c.spec):
            pset = int(self._active[place])
            params = dict(tried[place])
            found.append(NearSet(params, steps, self._place(pset), self._expected(pset)))
        return tuple(found)

    def _reasons(self, expected: Expectation | None) -> tuple[str, ...]:
        c = self.c
        checks = {
            "params_break_spec": bool(self.problems),
            "params_not_tested": self.pset is None and not self._tried_in_vain(),
            "params_without_evidence": self.pset is None and self._tried_in_vain(),
            "few_own_trades": self.pset is not None and self._place(self.pset) is None,
            "few_windows": expected is not None and expected.n_windows < MIN_WINDOWS,
            "one_quarter": expected is not None and expected.n_quarters == 1,
            "missing_regime_context": c.question.market.regime is None,
            "no_trials_of_timeframe": not c.near[c.pool.seen].any(),
            "in_sample_only": c.pool.in_sample,
            "flat_prices": "flat_prices" in c.said.warnings,
        }
        return tuple(code for code, holds in checks.items() if holds)

    def _tried_in_vain(self) -> bool:
        """Whether trials of exactly these parameters were known by then; none of them counts."""
        if self.row is None:
            return False
        view, moment = self.c.view, self.c.question.as_of or self.c.now
        by = to_micros(moment) - round(self._embargo_s * 1_000_000)
        return bool(((view.pset == self.row) & (view.known_at <= by)).any())

    def _warnings(self, expected: Expectation | None, beside: Baseline) -> tuple[str, ...]:
        c, found = self.c, list(foreign_instrument(self.c).warnings)
        if expected is not None:
            found += ["expected_loss"] if is_loss(c, expected) else []
            defaults = beside.defaults.expected if beside.defaults else None
            if defaults and self.pset != self._defaults():
                lead = c.objective.sign * (expected.value - defaults.value)
                found += ["defaults_expected_better"] if lead <= 0 else []
        return (*c.said.warnings, *found)

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.given.filled:
            told = ", ".join(f"{name} = {value!r}" for name, value in self.given.filled.items())
            notes.append(f"not given, so the declared defaults are taken: {told}")
        notes += foreign_instrument(self.c).notes
        if self.pset is None and len(self._active) and not self._nearest():
            notes.append("no set with these categorical values was tried, so none is near")
        return tuple(notes)
