"""The status of an answer: its reasons and warnings, and what stood in the way of a better one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import MIN_CANDIDATES, MIN_WINDOWS, near_names
from tradingkb.ranking import Expectation
from tradingkb.recommend.answer import CODES, AnswerStatus, Said
from tradingkb.recommend.judging.findings import Findings
from tradingkb.recommend.judging.judge import Chosen
from tradingkb.recommend.judging.nominate import Filtered
from tradingkb.recommend.judging.overfitting import allowed, overfitting_evidence
from tradingkb.recommend.known import Context, View

Ints = NDArray[np.int64]

#: So many tried sets are named where none obeys the spec.
MAX_NEAREST: Final = 3
#: Fewer in-sample trades than this on average, and a warning says so.
FEW_TRADES: Final = 10


def judge_status(
    c: Context, f: Findings, chosen: Chosen | None, expected: Expectation | None
) -> tuple[AnswerStatus, Said]:
    """ok, degraded or none, and why."""
    said = _retrieval(f)
    if c.question.market.regime is None:
        said += Said(warnings=("missing_regime_context",))
    if chosen is None or expected is None or refused_loss(c, expected):
        lost = expected is not None and refused_loss(c, expected)
        stood = Said(reasons=("expected_loss",)) if lost else obstacles(c, f.filtered)
        reasons = stood.reasons + said.reasons
        return "none", Said(reasons, said.warnings, said.notes + stood.notes)
    said += Said(reasons=_weaknesses(c, f, chosen, expected)) + _caveats(c, f, chosen)
    return ("degraded" if said.reasons else "ok"), said


def _retrieval(f: Findings) -> Said:
    """What the search for similar windows lacked."""
    reason = f.found.reason
    if reason is None:
        return Said()
    return Said(reasons=(reason, "metadata_only"), notes=(f.found.detail or CODES[reason].meaning,))


def _weaknesses(c: Context, f: Findings, chosen: Chosen, expected: Expectation) -> tuple[str, ...]:
    """Codes of what degrades an answer."""
    windows = expected.near_windows or expected.n_windows
    quarters = expected.near_quarters or expected.n_quarters
    checks = {
        "strict_to_relaxed": f.filtered.used_relaxed,
        "few_candidates": _tried(c.view, f.rows) < MIN_CANDIDATES,
        "few_windows": min(windows, _distinct(c.view.window[f.rows])) < MIN_WINDOWS,
        "mostly_unscored": _mostly_unscored(c, chosen),
        "one_quarter": quarters == 1,
        "missing_regime_context": c.question.market.regime is None,
        "no_trials_of_timeframe": not c.near[c.pool.seen].any(),
        "in_sample_only": c.pool.in_sample,
        "repaired_params": bool(chosen.repaired),
        "flat_prices": "flat_prices" in c.said.warnings,
        "expected_loss": is_loss(c, expected),
    }
    return tuple(code for code, holds in checks.items() if holds)


def _mostly_unscored(c: Context, chosen: Chosen) -> bool:
    """Whether more windows ran the set without a score than with one."""
    found, pset = c.pool.presence, chosen.pset
    return bool(found.unscored[pset] > found.active[pset] + found.idle[pset])


def _caveats(c: Context, f: Findings, chosen: Chosen) -> Said:
    """What does not degrade an answer, and a reader should know."""
    said = foreign_instrument(c)
    checks = {
        "params_not_tested": chosen.tested_pset is None,
        "few_in_sample_trades": _in_sample_trades(c, f, chosen) < FEW_TRADES,
    }
    return said + Said(warnings=tuple(code for code, holds in checks.items() if holds))


def is_loss(c: Context, expected: Expectation) -> bool:
    """Whether less is expected than the objective's break-even, where it has one."""
    zero, sign = c.objective.break_even, c.objective.sign
    return zero is not None and sign * (expected.value - zero) < 0


def refused_loss(c: Context, expected: Expectation) -> bool:
    """Whether a loss is sure, where a limit on luck asks for more than that."""
    asked = c.question.min_deflated_sharpe is not None or c.question.max_pbo is not None
    best = expected.high if c.objective.sign > 0 else expected.low
    return asked and best is not None and is_loss(c, replace(expected, value=best))


def foreign_instrument(c: Context) -> Said:
    """Said of an instrument that the evidence has no window of; near names are suggested."""
    symbol = c.question.market.symbol
    if symbol is None or c.own[c.pool.seen].any():
        return Said()
    known = {s for s in c.view.windows.symbol if s is not None}
    near = [] if symbol in known else near_names(symbol, known)
    notes = (f"no window is of {symbol!r}: did you mean {' or '.join(near)}?",) if near else ()
    return Said(warnings=("no_own_history",), notes=notes)


def _in_sample_trades(c: Context, f: Findings, chosen: Chosen) -> float:
    """Mean in-sample trades of the chosen set: the user's own, else in the quoted windows.

    Infinite where they are unknown: nothing can be said of them.
    """
    pset = chosen.pset if chosen.tested_pset is None else chosen.tested_pset
    own = (c.question.own_trades or {}).get(c.view.pset_texts[pset])
    if own is not None:
        return own
    quoted = f.evidence.standing.quoted[c.view.window]
    trades = c.view.floats("n_trades_is")[(c.view.pset == pset) & c.pool.usable & quoted]
    known = trades[np.isfinite(trades)]
    return float(known.mean()) if len(known) else np.inf


def _tried(view: View, rows: Ints) -> int:
    """Different experiments among trials, which several ids may store."""
    return len(rows) if view.tried is None else _distinct(view.tried[rows])


def _distinct(windows: Ints) -> int:
    return len(np.unique(windows))


def obstacles(c: Context, filtered: Filtered) -> Said:
    """What stood in the way, from the first condition that left nothing."""
    left = c.funnel
    if not left["stored"]:
        return Said(reasons=("collection_empty", "no_trials_for_strategy"))
    for name, code in (
        ("known", "no_trials_known_by_then"),
        ("eligible", "all_trials_rejected"),
        ("of_version", "no_trials_for_version"),
        ("scored", "no_score_for_objective"),
        ("traded", "too_few_trades"),
        ("not_archived", "all_trials_archived"),
    ):
        if not left[name]:
            return Said(reasons=(code,))
    limits = _limits(c, filtered)
    if limits.reasons:
        return limits
    if not filtered.nominating.any():
        return Said(reasons=("no_matches_after_strict_filters", "no_matches_after_relaxed_filters"))
    return Said(reasons=("params_outside_spec",), notes=_outside(c, filtered))


def _outside(c: Context, filtered: Filtered) -> tuple[str, ...]:
    """The nominated sets that break the spec least, and how."""
    spec = c.spec
    if spec is None:
        return ()
    sets = np.unique(c.view.pset[filtered.nominating]).tolist()
    problems = {pset: spec.problems(c.view.psets[pset]) for pset in sets}
    nearest = sorted(sets, key=lambda pset: (len(problems[pset]), pset))[:MAX_NEAREST]
    return tuple(
        f"tried, but outside the spec: {c.view.pset_texts[pset]} ({'; '.join(problems[pset])})"
        for pset in nearest
    )


def _limits(c: Context, filtered: Filtered) -> Said:
    """The limits on luck that left nothing, and what the best would be."""
    floor, ceiling = c.question.min_deflated_sharpe, c.question.max_pbo
    said = Said()
    if (floor, ceiling) == (None, None) or not filtered.nominating.any():
        return said
    found = overfitting_evidence(c)
    sets = np.unique(c.view.pset[filtered.nominating])
    if ceiling is not None and not allowed(found, None, ceiling).any():
        note = (
            f"the probability of backtest overfitting is {found.telling.pbo:.2f}"
            if found.telling
            else f"the probability of backtest overfitting is unknown: {found.doubt}"
        )
        said += Said(reasons=("backtest_overfitting",), notes=(note,))
    if floor is not None and not allowed(found, floor, None)[sets].any():
        known = found.deflated[sets][np.isfinite(found.deflated[sets])]
        best = f"{known.max():.2f}" if len(known) else "unknown"
        note = f"the best deflated Sharpe ratio of a nominated set is {best}"
        said += Said(reasons=("low_deflated_sharpe",), notes=(note,))
    return said
