"""Explaining given parameters: the steps of an answer, with these in place of the choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from tradingkb.domain.filters import MIN_WINDOWS
from tradingkb.domain.given_params import GivenParams, read_params
from tradingkb.domain.trial import canonical_params
from tradingkb.observability.events import emit
from tradingkb.ports import Workspace
from tradingkb.ranking.nearest import nearest_sets
from tradingkb.recommend import judge as j
from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.assemble import assemble, nominated_sets
from tradingkb.recommend.codes import actions_for
from tradingkb.recommend.context import Context, to_micros
from tradingkb.recommend.explanation import Explanation
from tradingkb.recommend.findings import Findings
from tradingkb.recommend.job import RecommendJob, Stopwatch
from tradingkb.recommend.request import RecommendRequest
from tradingkb.recommend.status import near_symbols
from tradingkb.recommend.tables import evidence_table

#: Scores are sums of the same evidence in another order: a difference below this is none.
_ROUNDING: Final = 1e-12


def explain(
    job: RecommendJob,
    workspace: Workspace,
    active: tuple[str, str],
    request: RecommendRequest,
    given: Any,
) -> Explanation:
    """The evidence for given parameters. Nothing is stored, only logged.

    Args:
        job: answers the same question without them.
        workspace: whose trials count.
        active: model and collection in force.
        request: the question.
        given: the parameters, as a mapping or JSON text.

    Raises:
        UnknownStrategyError, UnknownObjectiveError: with near names.
        InvalidInputError: parameters that cannot be read; see `read_params`.
    """
    watch = Stopwatch()
    context = job.contexts.read(workspace, *active, request)
    tried = [context.view.psets[int(p)] for p in context.pool.active]
    params = read_params(given, context.spec, tried)
    findings = job.find(context, watch)
    known = job.calibrations.newest(workspace.id, request.objective_type)
    # An answer writes its reasons and warnings into its context: it gets one of its own.
    own = replace(context, reasons=[], warnings=[*context.warnings], notes=[*context.notes])
    answer = assemble(own, findings, job.config, "", watch.total, known)
    explained = _Explainer(context, findings, params, job.config.embargo_s).explain(answer)
    _log(explained, workspace, request, watch)
    return explained


class _Explainer:
    """The parts of one explanation."""

    def __init__(self, c: Context, f: Findings, given: GivenParams, embargo_s: float) -> None:
        self.c, self.f, self.given = c, f, given
        self._embargo_s = embargo_s
        self._active = c.pool.active
        self.row = c.view.pset_index.get(canonical_params(given.params))
        self.pset = self.row if self.row is not None and self.row in self._active else None
        self.problems = c.spec.problems(given.params) if c.spec else []

    def explain(self, answer: Recommendation) -> Explanation:
        """Everything, beside the answer to the same question."""
        c, f = self.c, self.f
        expected = self._expected(self.pset)
        sets = nominated_sets(c, f)
        baseline = j.baseline(c.view, f.evidence, f.judged, c.objective, sets, c.spec)
        evidence = evidence_table(f.evidence, self.pset, f.distance, f.kernel)
        reasons = self._reasons(expected) if len(self._active) else answer.reasons
        warnings = self._warnings(expected, baseline)
        return Explanation(
            at=c.now,
            workspace=c.workspace.slug,
            strategy_name=c.request.strategy_name,
            objective_type=c.request.objective_type,
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
            quarters_used=expected["n_quarters"] if expected else 0,
            symbols=sorted(evidence["symbol"].drop_nulls().unique()),
            against_defaults=self._against_defaults(),
            recommended=self._recommended(answer),
            baseline=baseline,
            nearest=self._nearest(),
            reasons=reasons,
            warnings=warnings,
            notes=[*c.notes, *self._notes()],
            suggested_actions=actions_for([*reasons, *warnings]),
            regime=c.request.regime,
            symbol=c.request.symbol,
            timeframe=c.timeframe,
            as_of=c.request.as_of,
            strategy_version=c.version,
            weights=answer.weights,
        )

    def _expected(self, pset: int | None) -> dict[str, Any] | None:
        if pset is None:
            return None
        found = j.expect(self.f.evidence, self.f.judged, pset, self.c.objective, self.c.spec)
        units = {"unit": self.c.objective.unit, "direction": self.c.objective.direction}
        return {**found.to_dict(), **units}

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

    def _against_defaults(self) -> dict[str, Any] | None:
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
        return {
            "n": len(lead),
            "n_quarters": len(np.unique(cells.quarter[windows[kept]])),
            "n_better": int((lead > 0).sum()),
            "n_equal": int((lead == 0).sum()),
            "share": float((lead > 0).mean()),
            "mean_difference": float(lead.mean()),
        }

    def _defaults(self) -> int | None:
        params = self.c.spec.defaults if self.c.spec else None
        pset = self.c.view.pset_index.get(canonical_params(params)) if params else None
        return pset if pset is not None and pset in self._active else None

    def _recommended(self, answer: Recommendation) -> dict[str, Any]:
        text = canonical_params(answer.params) if answer.params is not None else None
        pset = self.c.view.pset_index.get(text) if text else None
        return {
            "status": answer.status,
            "params": answer.params,
            "expected": answer.expected,
            "place": self._place(pset) if answer.params_tested else None,
            "same": text == canonical_params(self.given.params),
            "reasons": answer.reasons,
            "warnings": answer.warnings,
        }

    def _nearest(self) -> list[dict[str, Any]]:
        if self.pset is not None:
            return []
        tried = [self.c.view.psets[int(p)] for p in self._active]
        found = []
        for place, steps in nearest_sets(tried, self.given.params, self.c.spec):
            pset = int(self._active[place])
            found.append(
                {
                    "params": dict(tried[place]),
                    "steps": steps,
                    "place": self._place(pset),
                    "expected": self._expected(pset),
                }
            )
        return found

    def _reasons(self, expected: dict[str, Any] | None) -> list[str]:
        c = self.c
        checks = {
            "params_break_spec": bool(self.problems),
            "params_not_tested": self.pset is None and not self._tried_in_vain(),
            "params_without_evidence": self.pset is None and self._tried_in_vain(),
            "few_own_trades": self.pset is not None and self._place(self.pset) is None,
            "few_windows": expected is not None and expected["n_windows"] < MIN_WINDOWS,
            "one_quarter": expected is not None and expected["n_quarters"] == 1,
            "missing_regime_context": c.request.regime is None,
            "no_trials_of_timeframe": not c.near[c.pool.seen].any(),
            "in_sample_only": c.pool.in_sample,
            "flat_prices": "flat_prices" in c.warnings,
        }
        return [code for code, holds in checks.items() if holds]

    def _tried_in_vain(self) -> bool:
        """Whether trials of exactly these parameters were known by then; none of them counts."""
        if self.row is None:
            return False
        view, moment = self.c.view, self.c.request.as_of or self.c.now
        by = to_micros(moment) - round(self._embargo_s * 1_000_000)
        return bool(((view.pset == self.row) & (view.known_at <= by)).any())

    def _warnings(self, expected: dict[str, Any] | None, baseline: dict[str, Any]) -> list[str]:
        c, found = self.c, []
        if c.request.symbol is not None and not c.own[c.pool.seen].any():
            found.append("no_own_history")
        if expected is not None:
            zero, sign = c.objective.break_even, c.objective.sign
            if zero is not None and sign * (expected["value"] - zero) < 0:
                found.append("expected_loss")
            defaults = (baseline["defaults"] or {}).get("expected")
            if defaults and self.pset != self._defaults():
                lead = sign * (expected["value"] - defaults["value"])
                found += ["defaults_expected_better"] if lead <= 0 else []
        return [*c.warnings, *found]

    def _notes(self) -> list[str]:
        c, notes = self.c, []
        if self.given.filled:
            told = ", ".join(f"{name} = {value!r}" for name, value in self.given.filled.items())
            notes.append(f"not given, so the declared defaults are taken: {told}")
        if c.request.symbol is not None and not c.own[c.pool.seen].any():
            notes += near_symbols(c, c.request.symbol)
        if self.pset is None and len(self._active) and not self._nearest():
            notes.append("no set with these categorical values was tried, so none is near")
        return notes


def _log(found: Explanation, workspace: Workspace, asked: RecommendRequest, w: Stopwatch) -> None:
    emit(
        "kb_explain",
        workspace_id=workspace.id,
        strategy=found.strategy_name,
        objective=found.objective_type,
        tested=found.tested,
        place=found.place,
        n_sets=found.n_sets,
        windows_used=found.windows_used,
        reasons=found.reasons,
        warnings=found.warnings,
        source=asked.caller,
        total_ms=w.total()["total_ms"],
    )
