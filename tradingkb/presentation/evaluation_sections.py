"""What an evaluation's report says beside its tables: findings and how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradingkb.presentation import format as fmt
from tradingkb.presentation.evaluation_facts import (
    Evaluation,
    method_row,
    number,
    objective_name,
    share,
    standing,
)
from tradingkb.presentation.markup import cell, el, num, paragraphs, wide

#: Share of single windows that the quoted spread should hold.
SHOULD_HOLD: Final = 0.8

HOW_TO_READ: Final = {
    "Decision": "one strategy on one window, asked when the window's scored part began. Only what "
    "was knowable by then is used; what the choice earned is looked up afterwards.",
    "Regret": "(best − earned) / (best − worst) among the parameter sets tried on the window. 0 is "
    "the best in hindsight, 1 the worst; lower is better. It has no unit, so that windows and "
    "strategies can be averaged.",
    "Difference": "the mean of regret minus the other method's regret, on the same decisions. "
    "Negative is better.",
    "Interval": "95 %, over symbols, window dates or quarters: decisions of one symbol or date "
    "share their luck, so that their number says how sure a mean is. A difference counts when zero "
    "is outside, and firmly when all three agree. Few symbols or dates make an interval wide "
    "(cluster-robust standard error, Student's t).",
    "Exact": "the result of exactly the chosen parameters. Where they were not tried on a window, "
    "that of the nearest set that was stands for them. The difference to the average is shown on "
    "the decisions where both are exact, too.",
    "Hindsight": "marked methods see what nobody could know by then. They are limits, not choices.",
    "Control": "a method with its information replaced by chance. Whatever is no better than its "
    "control adds nothing that shows.",
    "Beats the defaults": "share of the decisions that earned more than the strategy's declared "
    "defaults, ties half, where something else was chosen.",
    "Mean": "of the objective out-of-sample, per window. It is dominated by loud markets, which is "
    "why methods are told apart by regret.",
}

#: What the regime and the tuning's own results add: method and reference, and the change in words.
REGIME: Final = {
    ("no_regime", "tradingkb"): "Leaving the regime out",
    ("stated", "tradingkb"): "Stating the regime as it truly became",
    ("no_own_results", "tradingkb"): "Leaving the tuning's own in-sample results out",
    ("no_own_history", "tradingkb"): "Leaving the instrument's own history out",
}
#: Controls, beside what they imitate.
CONTROLS: Final = {
    ("placebo", "tradingkb"): "A placebo regime",
    ("random_windows", "knn"): "Drawing windows at random",
}


def replayed(e: Evaluation) -> dict[str, str]:
    """What was replayed, as names and plain texts."""
    asked, first, most = e["request"], e.get("first_as_of"), e["request"]["max_decisions"]
    said = {
        "objective": objective_name(e),
        "workspace": str(e["workspace"]),
        "windows from": first and f"{fmt.day(first)} to {fmt.day(e['last_as_of'])} (UTC)",
        "strategies": ", ".join(asked["strategies"] or ()) or "all",
        "symbols": ", ".join(asked["symbols"] or ()) or "all",
        "drawn at random": most is not None and f"at most {fmt.count(most, 'decision')}",
        "seed": str(asked["seed"]),
        "made at": f"{fmt.day(e['at'][:16])} (UTC)",
    }
    return {name: text for name, text in said.items() if text}


def findings(e: Evaluation, subjects: Mapping[tuple[str, str], str]) -> list[str]:
    """Whether methods are told apart from what they are compared with, as far as it shows."""
    rows = ((said, method_row(e, m), reference) for (m, reference), said in subjects.items())
    found = ((said, standing(row, reference)) for said, row, reference in rows if row)
    return [f"{said} is {place}." for said, place in found if place]


def window_interval(e: Evaluation) -> str:
    """How many outcomes fell into the spread that answers quote for single windows."""
    found = e["window_interval"]
    inside = fmt.finite(found["inside"])
    if not found["n"] or inside is None:
        return el("p", "No answer quoted a spread for parameters whose result is known.")
    should = fmt.percent(SHOULD_HOLD, 0)
    tail = fmt.percent((1 - SHOULD_HOLD) / 2, 0)
    points = 100 * (inside - SHOULD_HOLD)
    word = "fewer" if points < 0 else "more"
    said = (
        f"Answers quote where {should} of single windows should fall. Of {found['n']:,} outcomes "
        f"{share(inside, 1)} fell inside, {abs(points):.1f} points {word} than should."
    )
    shares = {
        "measured": {key: share(found[key], 1) for key in ("below", "inside", "above")},
        "should be": {"below": tail, "inside": should, "above": tail},
    }
    rows = (
        {"share of outcomes": name, **{key: cell(text) for key, text in row.items()}}
        for name, row in shares.items()
    )
    return el("p", num(said)) + el("div", wide(rows), cls="narrow")


def no_calibration(e: Evaluation) -> str:
    """Why nothing is known of the confidence."""
    if method_row(e, "defaults") is None:
        why = "no strategy declares defaults that were tried, so there is nothing to beat"
    else:
        why = (
            "too few decisions, from too few quarters, chose something else than the declared "
            "defaults with both results known"
        )
    return el("p", f"Answers say “uncalibrated”: {why}.")


def calibration_facts(c: Mapping[str, Any]) -> str:
    """What the confidence said beside what happened, and its Brier score."""
    within = f"90 % interval {share(c['low'], 1)} to {share(c['high'], 1)}"
    return paragraphs(
        [
            "The confidence is the rate at which all past choices beat the defaults, from outcomes "
            f"known before. Over {fmt.count(c['n'], 'choice')} of "
            f"{fmt.count(c['n_quarters'], 'quarter')} it said {share(c['forecast'], 1)}, and "
            f"{share(c['happened'], 1)} of them did ({within}).",
            f"Its Brier score, the mean squared error, is {number(c['brier'], 4)}; always saying "
            f"what happened on average, which only hindsight knows, scores "
            f"{number(c['brier_hindsight'], 4)}.",
        ]
    )
