"""An explanation of given parameters as lines for a terminal, and as a card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tradingkb.presentation import card_parts as parts
from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Option
from tradingkb.presentation.markup import el, num, prose
from tradingkb.presentation.text import (
    as_lines,
    coded_entries,
    expected_text,
    labelled,
    option_text,
    regime_text,
)

#: `Explanation.to_dict()`.
Explained = Mapping[str, Any]
_THESE: Final = "these"


def explanation_text(found: Explained, width: int = 100) -> str:
    """Plain text for a terminal.

    Args:
        found: the dict form of an explanation.
        width: columns of the terminal; longer lines are wrapped under their label.
    """
    title = f"{found['strategy_name']}: {_verdict(found)}"
    return as_lines(title, found, _entries(found), width)


def explanation_card(found: Explained) -> str:
    """HTML as `answer_card` makes it: self-contained, no script, equal for equal explanations."""
    problems = map(prose, found["problems"])
    kind = "degraded" if found["reasons"] else "ok"
    card = el(
        "div",
        parts.head(found, _verdict(found)),
        parts.parameters("Your parameters", found["params"], problems),
        _facts(found),
        _comparison(found),
        parts.section("Nearest sets that were tried", parts.bullets(map(num, _near(found)))),
        parts.regime_section(found),
        parts.code_lists(found),
        cls=f"tkb-card tkb-{kind}",
    )
    return parts.standalone(card)


def _verdict(found: Explained) -> str:
    """The place in words."""
    if not found["n_sets"]:
        return "no parameters have evidence"
    if not found["tested"]:
        return "never tried exactly so"
    if found["place"] is None:
        return f"not placed among {fmt.count(found['n_sets'], 'parameter set')}"
    best = "the best-supported" if found["place"] == 1 else f"place {found['place']:,}"
    return f"{best} of {fmt.count(found['n_sets'], 'parameter set')}"


def _behind(found: Explained) -> str:
    """How much less is expected than of the best one."""
    gap = found["score_difference"]
    return "" if not gap else f"{fmt.score(-gap, facts.unit(found))} behind the best"


def _options(found: Explained) -> list[Option]:
    """These parameters beside the recommended ones and the baseline."""
    mine, recommended = found["params"], found["recommended"]
    rows = [Option(_THESE, mine, found["expected"])]
    others = {"recommended": recommended if recommended["params"] is not None else None}
    others[facts.PLAIN_AVERAGE] = found["baseline"]["regime_agnostic"]
    others["defaults"] = found["baseline"]["defaults"]
    rows += [
        Option(label, other["params"], other["expected"], other["params"] == mine)
        for label, other in others.items()
        if other
    ]
    return rows


def _against(found: Explained) -> str:
    """How often and by how much these beat the defaults, window by window."""
    pairs = found["against_defaults"]
    if pairs is None:
        return ""
    equal = f", equal in {pairs['n_equal']:,}" if pairs["n_equal"] else ""
    mean = fmt.score(pairs["mean_difference"], facts.unit(found))
    return (
        f"better in {fmt.percent(pairs['share'], 0)} of {fmt.count(pairs['n'], 'window')} that "
        f"tried both{equal}; {mean} per window on average (positive: these are better)"
    )


def _near(found: Explained) -> list[str]:
    """One line per tested neighbour."""
    return [
        option_text(Option(_away(near["steps"]), near["params"], near["expected"]), found)
        for near in found["nearest"]
    ]


def _away(steps: float) -> str:
    return f"{steps:.3g} {'step' if steps == 1 else 'steps'} away"


def _entries(found: Explained) -> Iterator[tuple[str, str]]:
    yield "params", fmt.params_text(found["params"])
    yield from labelled("spec", found["problems"])
    if found["expected"]:
        yield "expected", expected_text(found)
        yield "evidence", ", ".join(part for part in facts.support(found) if part)
    yield from labelled("score", [text for text in (_behind(found),) if text])
    yield from labelled("beside", [option_text(o, found) for o in _options(found)[1:]])
    yield from labelled("defaults", [text for text in (_against(found),) if text])
    yield from labelled("nearest", _near(found))
    yield "regime", regime_text(found)
    yield from coded_entries(found)


def _facts(found: Explained) -> str:
    if not found["expected"]:
        return ""
    place = fmt.NONE if found["place"] is None else f"{found['place']:,} of {found['n_sets']:,}"
    pairs = found["against_defaults"]
    share = fmt.NONE if pairs is None else fmt.percent(pairs["share"], 0)
    return parts.key_facts(
        {
            f"Expected {found['objective_type']}": facts.mean(found),
            "Place": (place, _behind(found)),
            "Evidence": facts.support(found),
            "Beat the defaults": (share, _against(found)),
        }
    )


def _comparison(found: Explained) -> str:
    rows, unit = _options(found), facts.unit(found)
    return parts.comparison(rows, unit, "Beside others", _THESE) if len(rows) > 1 else ""
