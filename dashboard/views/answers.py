"""An answer as words and rows for the page: what is recommended, how far to trust it, and why.

Everything here takes `Recommendation.to_dict()` and gives plain text, numbers and frames. Nothing
is markup: whoever draws it shows it as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dashboard.views.evidence import sentence
from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.recommend.answer import CODES

Answer = Mapping[str, Any]

#: What a reader may conclude from each band of the confidence.
BANDS: Final = {
    "high": "High: even the lower end of its interval lies above 60 %.",
    "medium": "Medium: even the lower end of its interval lies above 50 %, what luck does.",
    "low": "Low: its interval reaches down to 50 % or below, so luck may explain it.",
}


#: What to do on the page, where the library names an argument of a call.
ON_THE_PAGE: Final = {
    "missing_regime_context": "Give the market in the form: upload bars, or state what you expect.",
    "mixed_timeframes": "Fill in the timeframe in the form.",
    "no_trials_for_version": "Change strategy_version in the form, or ingest trials of this one.",
    "no_matches_after_strict_filters": "Try one of the relaxations below, or ingest more trials.",
    "no_matches_after_relaxed_filters": "See below what the filters turned away: one of your own "
    "values may rule everything out.",
    "no_trials_known_by_then": "Choose a later time in the form, or ingest older trials.",
}


@dataclass(frozen=True)
class Fact:
    """A number under what it is, over what it means; all plain text."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Why:
    """A reason or a caveat in words, with what to do about it ("" where nothing does)."""

    code: str
    meaning: str
    action: str
    decides: bool


def headline(answer: Answer) -> Fact:
    """The strategy, the status as sign and word, and what that means."""
    status = facts.status(answer)
    return Fact(answer["strategy_name"], f"{status.sign} {status.word}", status.meaning)


def context(answer: Answer) -> str:
    """What was asked, on one line."""
    return " · ".join(facts.context(answer))


def key_facts(answer: Answer) -> list[Fact]:
    """What is expected, of one window too, on what evidence and with which confidence."""
    found = []
    if answer["expected"]:
        found = [
            Fact(f"Expected {answer['objective_type']} per window", *facts.mean(answer)),
            Fact(
                "80 % of single windows", facts.single_windows(answer), "the luck of the next one"
            ),
            Fact("Evidence", *facts.support(answer)),
        ]
    value, _ = facts.confidence(answer)
    return [*found, Fact("Confidence", value, facts.confidence_note(answer))]


def confidence_meaning(answer: Answer) -> list[str]:
    """Sentences that say how to read the confidence, or why there is none."""
    if answer["status"] == "none":
        return ["There are no parameters, so there is nothing to be confident in."]
    if answer.get("confidence") is None:
        return [
            "Uncalibrated: too few outcomes of past choices are known here. "
            "Read the interval of the expected value instead.",
            f"→ {sentence(CODES['uncalibrated'].action)}",
        ]
    band = BANDS.get(answer.get("confidence_band", ""), "")
    basis = [f"{sentence(text)}." for text in facts.confidence_basis(answer)]
    return [*basis, band] if band else basis


def parameters(answer: Answer, spec: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Each recommended parameter beside its default and what was declared of it.

    Args:
        answer: the answer.
        spec: `StrategySpec.to_dict()`, None where the strategy has none.
    """
    defaults = (((answer.get("baseline") or {}).get("defaults")) or {}).get("params") or {}
    declared = {p["name"]: p for p in (spec or {}).get("params", ())}
    repaired = answer["repaired_params"]
    rows = [
        {
            "parameter": name,
            "recommended": fmt.literal(value),
            "default": fmt.literal(defaults[name]) if name in defaults else fmt.NONE,
            "declared": _declared(declared.get(name)),
            "repaired": repaired.get(name, ""),
        }
        for name, value in (answer["params"] or {}).items()
    ]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(_PARAMETER_COLUMNS, pl.String))
    return frame if repaired else frame.drop("repaired")


_PARAMETER_COLUMNS: Final = ("parameter", "recommended", "default", "declared", "repaired")


def _declared(spec: Mapping[str, Any] | None) -> str:
    if not spec:
        return fmt.NONE
    if spec.get("choices"):
        return ", ".join(fmt.literal(choice) for choice in spec["choices"])
    low, high, step = spec.get("low"), spec.get("high"), spec.get("step")
    bounds = f"{fmt.literal(low)} to {fmt.literal(high)}" if low is not None else ""
    return f"{bounds}, step {fmt.literal(step)}" if step else bounds or str(spec.get("type", ""))


def as_json(params: Mapping[str, Any]) -> str:
    """The parameters as JSON text."""
    return json.dumps(dict(params), indent=2, ensure_ascii=False)


def as_python(params: Mapping[str, Any]) -> str:
    """The parameters as a Python dict that can be pasted."""
    lines = [f"    {name!r}: {fmt.literal(value)}," for name, value in params.items()]
    return "\n".join(["params = {", *lines, "}"])


def reasons(answer: Answer) -> list[Why]:
    """Why this status, then the other caveats, each in words and with what to do."""
    decisive = facts.coded(answer, "reasons")
    others = [pair for pair in facts.coded(answer, "warnings") if pair not in decisive]
    pairs = [(*pair, True) for pair in decisive] + [(*pair, False) for pair in others]
    return [
        Why(code, sentence(meaning or code), ON_THE_PAGE.get(code) or _action(code), decides)
        for code, meaning, decides in pairs
    ]


def _action(code: str) -> str:
    return sentence(CODES[code].action) if code in CODES else ""


def more_to_do(answer: Answer) -> list[str]:
    """Suggested actions that no reason or caveat has said already."""
    said = {_action(why.code) for why in reasons(answer)}
    return [t for text in answer["suggested_actions"] if (t := sentence(text)) not in said]


def notes(answer: Answer) -> list[str]:
    """The details behind codes, as sentences."""
    return [sentence(text) for text in answer["notes"]]


def comparison(answer: Answer) -> pl.DataFrame:
    """The recommended parameters beside the plain average's and the defaults, in words."""
    unit, baseline = facts.unit(answer), answer.get("baseline") or {}
    keys = {facts.PLAIN_AVERAGE: "regime_agnostic", "defaults": "defaults"}
    rows = []
    for option in facts.options(answer):
        lead = (baseline.get(keys.get(option.label, "")) or {}).get("lead")
        windows = (option.expected or {}).get("n_windows")
        rows.append(
            {
                "which": option.label,
                "expected per window": option.score(unit) if option.expected else "never tried",
                "90 % interval": option.bounds(unit) if option.expected else fmt.NONE,
                "windows": windows,
                "recommended does better by": _lead(lead, unit),
                "parameters": option.typed(),
            }
        )
    return pl.DataFrame(rows, schema_overrides={"windows": pl.Int64}) if rows else pl.DataFrame()


def _lead(lead: Mapping[str, Any] | None, unit: str) -> str:
    if not lead:
        return fmt.NONE
    bounds = fmt.interval(lead["low"], lead["high"], unit)
    known = lead["low"] is not None and lead["high"] is not None
    apart = known and lead["low"] * lead["high"] > 0
    told = "" if apart else ": not told apart"
    return f"{fmt.gain(lead['value'], unit)} ({bounds}){told}"


def luck(answer: Answer) -> list[str]:
    """What may be the luck of trying much, as sentences."""
    return [f"{sentence(text)}." for text in facts.luck(answer)]


def differences(again: Mapping[str, Any]) -> pl.DataFrame:
    """What an answer of then says otherwise now; a row per field, as text.

    Args:
        again: `AnsweredAgain.to_dict()`.
    """
    rows = [
        {"what": row["field"], "then": shown(row["then"]), "now": shown(row["now"])}
        for row in again["differences"]
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("what", "then", "now"), pl.String))


def shown(value: Any) -> str:
    """Any value of an answer as text that a reader takes in at a glance."""
    if value is None:
        return fmt.NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {shown(v)}" for name, v in value.items()) or "nothing"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(shown(v) for v in value) or "nothing"
    return str(value)


def then_facts(event: Mapping[str, Any]) -> list[Fact]:
    """What a recorded answer said: its status, its parameters, and what it expected."""
    status = facts.STATUSES.get(event["status"])
    word = f"{status.sign} {status.word}" if status else str(event["status"])
    unit = event.get("expected_unit") or ""
    bounds = fmt.interval(event.get("expected_low"), event.get("expected_high"), unit)
    expected = fmt.score(event.get("expected"), unit)
    return [
        Fact("Status then", word, ", ".join(event.get("reasons") or ()) or "no reason against it"),
        Fact("Expected then", expected, f"90 % interval {bounds}" if event.get("params") else ""),
        _confidence_then(event.get("confidence")),
    ]


def _confidence_then(value: float | None) -> Fact:
    if value is None:
        return Fact("Confidence then", "unknown", "not calibrated then")
    return Fact("Confidence then", fmt.percent(value, 0), "of all past choices")
