"""The status of an answer: its reasons and warnings, and what stood in the way of a better one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.filters import MIN_CANDIDATES, MIN_WINDOWS
from tradingkb.domain.names import near_names
from tradingkb.recommend import judge as j
from tradingkb.recommend.answer import AnswerStatus
from tradingkb.recommend.codes import CODES
from tradingkb.recommend.context import Context
from tradingkb.recommend.findings import Findings
from tradingkb.recommend.nominate import Filtered
from tradingkb.recommend.overfit import allowed, luck

Ints = NDArray[np.int64]

#: Fewer in-sample trades than this on average, and a warning says so.
FEW_TRADES: Final = 10


def judge_status(
    c: Context, f: Findings, chosen: j.Chosen | None, expected: dict[str, Any] | None
) -> AnswerStatus:
    """Fills reasons and warnings, and says ok, degraded or none."""
    if f.found.reason is not None:
        c.reasons += [f.found.reason, "metadata_only"]
        c.notes.append(f.found.detail or CODES[f.found.reason].meaning)
    if c.request.regime is None:
        c.warnings.append("missing_regime_context")
    if chosen is None or expected is None:
        c.reasons[:0] = _obstacles(c, f.filtered)
        return "none"
    seen = c.pool.seen
    windows = expected["near_windows"] or expected["n_windows"]
    quarters = expected["near_quarters"] or expected["n_quarters"]
    checks = {
        "strict_to_relaxed": f.filtered.used_relaxed,
        "few_candidates": len(f.rows) < MIN_CANDIDATES,
        "few_windows": min(windows, _distinct(c.view.window[f.rows])) < MIN_WINDOWS,
        "one_quarter": quarters == 1,
        "missing_regime_context": c.request.regime is None,
        "no_trials_of_timeframe": not c.near[seen].any(),
        "in_sample_only": c.pool.in_sample,
        "repaired_params": bool(chosen.repaired),
        "flat_prices": "flat_prices" in c.warnings,
    }
    c.reasons += [code for code, holds in checks.items() if holds]
    if c.request.symbol is not None and not c.own[seen].any():
        c.warnings.append("no_own_history")
        c.notes += near_symbols(c, c.request.symbol)
    if chosen.tested_pset is None:
        c.warnings.append("params_not_tested")
    if _in_sample_trades(c, f, chosen) < FEW_TRADES:
        c.warnings.append("few_in_sample_trades")
    zero, sign = c.objective.break_even, c.objective.sign
    if zero is not None and sign * (expected["value"] - zero) < 0:
        c.warnings.append("expected_loss")
    return "degraded" if c.reasons else "ok"


def _in_sample_trades(c: Context, f: Findings, chosen: j.Chosen) -> float:
    """Mean in-sample trades of the chosen set: the user's own, else in the quoted windows.

    Infinite where they are unknown: nothing can be said of them.
    """
    pset = chosen.pset if chosen.tested_pset is None else chosen.tested_pset
    own = (c.request.own_trades or {}).get(c.view.pset_texts[pset])
    if own is not None:
        return own
    quoted = f.evidence.standing.quoted[c.view.window]
    trades = c.view.floats("n_trades_is")[(c.view.pset == pset) & c.pool.usable & quoted]
    known = trades[np.isfinite(trades)]
    return float(known.mean()) if len(known) else np.inf


def near_symbols(c: Context, symbol: str) -> list[str]:
    """A note on symbols like this one, where the strategy has no window of it at all."""
    known = {s for s in c.view.windows.symbol if s is not None}
    near = [] if symbol in known else near_names(symbol, known)
    return [f"no window is of {symbol!r}: did you mean {' or '.join(near)}?"] if near else []


def _distinct(windows: Ints) -> int:
    return len(np.unique(windows))


def _obstacles(c: Context, filtered: Filtered) -> list[str]:
    """What stood in the way, from the first condition that left nothing."""
    left = c.funnel
    if not left["stored"]:
        return ["collection_empty", "no_trials_for_strategy"]
    for name, code in (
        ("known", "no_trials_known_by_then"),
        ("eligible", "all_trials_rejected"),
        ("of_version", "no_trials_for_version"),
        ("scored", "no_score_for_objective"),
        ("not_archived", "all_trials_archived"),
    ):
        if not left[name]:
            return [code]
    limits = _limits(c, filtered)
    if limits:
        return limits
    if not filtered.nominating.any():
        return ["no_matches_after_strict_filters", "no_matches_after_relaxed_filters"]
    return ["no_params_obey_the_spec"]


def _limits(c: Context, filtered: Filtered) -> list[str]:
    """Codes of the limits on luck that left nothing; a note says what the best would be."""
    floor, ceiling = c.request.min_deflated_sharpe, c.request.max_pbo
    if (floor, ceiling) == (None, None) or not filtered.nominating.any():
        return []
    found, codes = luck(c), []
    sets = np.unique(c.view.pset[filtered.nominating])
    if ceiling is not None and not allowed(found, None, ceiling).any():
        known = found.overfitting
        codes.append("backtest_overfitting")
        c.notes.append(
            f"the probability of backtest overfitting is {known.pbo:.2f}"
            if known
            else "the probability of backtest overfitting is unknown: not every parameter "
            "set was tried in the same quarters"
        )
    if floor is not None and not allowed(found, floor, None)[sets].any():
        known_ratios = found.deflated[sets][np.isfinite(found.deflated[sets])]
        best = f"{known_ratios.max():.2f}" if len(known_ratios) else "unknown"
        codes.append("low_deflated_sharpe")
        c.notes.append(f"the best deflated Sharpe ratio of a nominated set is {best}")
    return codes
