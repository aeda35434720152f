"""What an answer says, as words and rows, before any markup: card, text and report share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tradingkb.domain import Objective, get_objective
from tradingkb.exceptions import UnknownObjectiveError
from tradingkb.presentation import format as fmt

Answer = Mapping[str, Any]

#: What is said where no regime was asked for.
NO_REGIME: Final = "none given: the answer is the same for every market"
#: Name of the baseline's choice, whose key in the JSON form is `regime_agnostic`.
PLAIN_AVERAGE: Final = "plain average"


@dataclass(frozen=True)
class Status:
    """A status as a reader meets it: a word, a sign and what it means; colour comes on top."""

    word: str
    sign: str
    meaning: str


STATUSES: Final[dict[str, Status]] = {
    "ok": Status("OK", "✓", "usable"),
    "degraded": Status("DEGRADED", "▲", "usable, with a caveat"),
    "none": Status("NONE", "✕", "no parameters are defensible"),
}


def status(answer: Answer) -> Status:
    """The status in words, and of what the recommended set is not told apart."""
    found = STATUSES[answer["status"]]
    doubt = "; ".join(undecided(answer))
    return replace(found, meaning=f"{found.meaning}; {doubt}") if doubt else found


def undecided(answer: Answer) -> list[str]:
    """Other sets from which the evidence does not tell the recommended one apart, with the lead."""
    if answer.get("params") is None:
        return []
    labels = {"defaults": "the defaults", "regime_agnostic": "the plain average's"}
    texts = []
    for key, label in labels.items():
        lead = ((answer.get("baseline") or {}).get(key) or {}).get("lead")
        if lead and not (lead["low"] is not None and lead["low"] * lead["high"] > 0):
            more = fmt.gain(lead["value"], unit(answer))
            bounds = fmt.interval(lead["low"], lead["high"], unit(answer))
            texts.append(f"not told apart from {label} ({more}, {bounds})")
    return texts


def unit(answer: Answer) -> str:
    """The objective's unit, "" for an objective that is not registered."""
    expected = answer.get("expected") or {}
    found = _objective(answer)
    return str(expected.get("unit") or (found.unit if found else ""))


def unit_label(answer: Answer) -> str:
    """The unit that the shown values carry: fractions are shown as percent."""
    own = unit(answer)
    return "%" if own == "fraction" else own


def direction(answer: Answer) -> str:
    """Which way is better, in words."""
    expected = answer.get("expected") or {}
    found = _objective(answer)
    way = expected.get("direction") or (found.direction if found else "max")
    return "lower is better" if way == "min" else "higher is better"


def _objective(answer: Answer) -> Objective | None:
    try:
        return get_objective(answer["objective_type"])
    except UnknownObjectiveError:
        return None


def objective_line(answer: Answer) -> str:
    """The objective with its unit and direction."""
    parts = ", ".join(part for part in (unit_label(answer), direction(answer)) if part)
    return f"{answer['objective_type']} ({parts})"


def market(answer: Answer) -> str:
    """The instrument that was asked for, "any market" without one."""
    return fmt.market(answer.get("symbol"), answer.get("timeframe")) or "any market"


def context(answer: Answer) -> list[str]:
    """The question: objective, market, and what else narrows it."""
    version, as_of = answer.get("strategy_version"), answer.get("as_of")
    return [
        objective_line(answer),
        market(answer),
        *([f"version {version}"] if version is not None else []),
        *([f"as of {fmt.day(as_of)} UTC"] if as_of else []),
        f"workspace {answer['workspace']}",
    ]


@dataclass(frozen=True)
class Option:
    """One parameter set that could be used, with what it is expected to earn per window."""

    label: str
    params: Mapping[str, Any] | None
    expected: Mapping[str, Any] | None
    same: bool = False

    def value(self, key: str) -> float | None:
        """A number of the expectation, None when unknown."""
        return fmt.finite((self.expected or {}).get(key))

    def score(self, unit: str) -> str:
        """The expected value in words."""
        return fmt.score(self.value("value"), unit)

    def bounds(self, unit: str) -> str:
        """The interval of the expected value in words."""
        return fmt.interval(self.value("low"), self.value("high"), unit)

    def typed(self) -> str:
        """The parameters in words."""
        return "the same parameters" if self.same else fmt.params_text(self.params)


def options(answer: Answer) -> list[Option]:
    """The recommended set beside the plain average's choice and the defaults, where known."""
    chosen = answer.get("params")
    rows = [Option("recommended", chosen, answer.get("expected"))] if chosen is not None else []
    labels = {"regime_agnostic": PLAIN_AVERAGE, "defaults": "defaults"}
    baseline = answer.get("baseline") or {}
    for key, label in labels.items():
        other = baseline.get(key)
        if other:
            rows.append(
                Option(label, other["params"], other["expected"], other["params"] == chosen)
            )
    return rows


def interval_name(expected: Mapping[str, Any]) -> str:
    """The name of the interval of the mean, with its level."""
    return f"{fmt.percent(expected.get('level', 0.9), 0)} interval"


def mean(answer: Answer) -> tuple[str, str]:
    """The expected value, and its interval by name, of an answer that expects something."""
    expected = answer["expected"]
    bounds = fmt.interval(expected["low"], expected["high"], unit(answer))
    return fmt.score(expected["value"], unit(answer)), f"{interval_name(expected)} {bounds}"


def single_windows(answer: Answer) -> str:
    """Where most single windows fell, of an answer that expects something."""
    expected = answer["expected"]
    return fmt.interval(expected["window_low"], expected["window_high"], unit(answer))


def support(answer: Answer) -> tuple[str, str]:
    """How much stands behind the expectation: windows, and quarters with own windows."""
    expected = answer.get("expected")
    if not expected:
        return fmt.count(answer["windows_used"], "window"), ""
    own = f", {expected['own_windows']:,} on {market(answer)}" if answer.get("symbol") else ""
    n_symbols = expected.get("n_symbols", 0)
    symbols = f"{fmt.count(n_symbols, 'symbol')}, " if n_symbols else ""
    quarters = symbols + fmt.count(expected["n_quarters"], "quarter") + own
    if expected.get("from_neighbours"):
        return "0 windows", "estimated from neighbouring parameters"
    near = expected.get("near_windows")
    around = f", {fmt.count(near, 'window')} with near parameters" if near else ""
    missing = expected.get("n_unscored", 0)
    unscored = f", {fmt.count(missing, 'window')} without a score" if missing else ""
    return fmt.count(expected["n_windows"], "window"), quarters + around + unscored


def confidence(answer: Answer) -> tuple[str, str]:
    """The confidence and what it means; without one, that it is uncalibrated."""
    value = answer.get("confidence")
    if answer["status"] == "none":
        return "none", "there is nothing to be confident in"
    if value is None:
        known = fmt.finite((answer.get("expected") or {}).get("low")) is not None
        return fmt.UNKNOWN, "uncalibrated" + (": read the interval" if known else "")
    band: str = answer.get("confidence_band", "none")
    basis: Mapping[str, Any] | None = answer.get("calibration")
    if not basis:
        return fmt.percent(value, 0), f"{band}: how often past choices beat the defaults"
    bounds = f"{fmt.percent(basis['low'], 0)} to {fmt.percent(basis['high'], 0)}"
    return fmt.percent(value, 0), (
        f"{band}: how often all past choices of this workspace and objective beat the defaults "
        f"({bounds}; {fmt.count(basis['n'], 'decision')} of "
        f"{fmt.count(basis['n_quarters'], 'quarter')}), not learnt of this choice"
    )


def confidence_note(answer: Answer) -> str:
    """What `confidence` means, short enough for a narrow column."""
    basis: Mapping[str, Any] | None = answer.get("calibration")
    if not basis:
        return confidence(answer)[1]
    low, high = (fmt.percent(basis[key], 0) for key in ("low", "high"))
    return f"of all past choices, {low} to {high}"


def confidence_basis(answer: Answer) -> list[str]:
    """The same as a sentence, with the decisions behind it; none without a calibration."""
    if not answer.get("calibration"):
        return []
    value, meaning = confidence(answer)
    return [f"confidence {value}, {meaning}"]


def shrinkage(answer: Answer) -> str:
    """How far the expectation lies from the plain mean of the set's own windows."""
    expected = answer.get("expected") or {}
    plain, moved = (fmt.finite(expected.get(k)) for k in ("unshrunk", "shrinkage"))
    if plain is None or moved is None:
        return ""
    return f"plain mean {fmt.score(plain, unit(answer))}, moved by {moved:+.2f}"


def luck(answer: Answer) -> list[str]:
    """What may be the luck of trying much, as sentences; none where nothing is known."""
    found = answer.get("overfitting") or {}
    deflated, pbo = found.get("deflated_sharpe"), found.get("pbo")
    texts = []
    if deflated:
        texts.append(
            f"deflated Sharpe {fmt.percent(deflated['value'], 0)}: chance that "
            f"{deflated['sharpe']:.2f}"
            f" is more than the luck of the best of {fmt.count(deflated['n_trials'], 'set')} "
            f"({deflated['benchmark']:.2f} over {deflated['years']:.1f} years)"
        )
    if pbo:
        texts.append(
            f"overfitting {fmt.percent(pbo['value'], 0)}: chance that the best of "
            f"{fmt.count(pbo['n_sets'], 'set')} in one half of "
            f"{fmt.count(pbo['n_quarters'], 'quarter')} is below the median in the other"
            + ("" if pbo["enough"] else ", from too few of them to tell")
        )
    return texts


def coded(answer: Answer, key: str) -> list[tuple[str, str]]:
    """Codes of `reasons` or `warnings`, each with its meaning."""
    meanings = answer.get("meanings", {})
    return [(code, str(meanings.get(code, ""))) for code in answer[key]]


def passed(answer: Answer) -> str:
    """How many trials pass the filters."""
    strict = f"{fmt.count(answer['after_strict'], 'trial')} pass the strict filters"
    if answer["status"] == "ok":
        return strict
    return f"{strict}, {answer['after_relaxed']:,} the relaxed ones"


def rejections(answer: Answer) -> list[Mapping[str, Any]]:
    """The filters that turned trials away."""
    return [row for row in answer["filter_rejections"] if row["fails"]]


def relaxation(setting: Mapping[str, Any]) -> str:
    """One single-filter relaxation as a sentence."""
    name, current = setting["filter"], fmt.threshold(setting["current"])
    yields = f"{fmt.count(setting['candidates'], 'trial')} from "
    yields += fmt.count(setting["windows"], "window")
    if setting["suggested"] is None:
        text = f"without {name} (now {current}) -> {yields}: not enough alone"
        return text + _lacking(name, setting.get("unknown", 0))
    suggested = fmt.threshold(setting["suggested"])
    enough = "" if setting["sufficient"] else ", not enough alone"
    return f"change {name} from {current} to {suggested} -> {yields}{enough}"


def _lacking(name: str, n: int) -> str:
    """What no threshold changes: trials that do not have what the filter looks at."""
    metric = {"max_drawdown": "the drawdown", "min_trades": "the number of trades"}.get(name, name)
    return f"; {metric} of {fmt.count(n, 'other trial')} is {fmt.UNKNOWN}" if n else ""


def regime_source(regime: Mapping[str, Any]) -> str:
    """Where the regime comes from, in words: a stated one is a claim, not a measurement."""
    if regime["source"] == "stated":
        return "STATED by you, not measured"
    facts = [fmt.market(regime["symbol"], regime["timeframe"])]
    facts += [fmt.count(regime["bars"], "bar")] if regime["bars"] is not None else []
    if regime["start"] and regime["end"]:
        facts.append(f"{fmt.day(regime['start'])} to {fmt.day(regime['end'])}")
    known = ", ".join(fact for fact in facts if fact)
    return f"measured: {known}" if known else "measured"


def agreement(answer: Answer) -> list[str]:
    """Per parameter, how far the best-supported sets agree."""
    return [f"{name} {_spread(spread)}" for name, spread in answer.get("spreads", {}).items()]


def agreement_size(answer: Answer) -> int:
    """How many sets `agreement` speaks of."""
    return max((spread["n"] for spread in answer.get("spreads", {}).values()), default=0)


def _spread(spread: Mapping[str, Any]) -> str:
    if "counts" in spread:
        return ", ".join(f"{value} ({n})" for value, n in spread["counts"].items())
    low, middle, high = (f"{spread[key]:.4g}" for key in ("min", "median", "max"))
    return low if low == high else f"{low} to {high} (median {middle})"
