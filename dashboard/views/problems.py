"""Open problems as cards: what, since when, why, what to do first, and which runbook."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dashboard.shared.look import GOOD, SEVERITY, SEVERITY_SIGN
from dashboard.shared.text import shortened
from dashboard.views.labels import clock, moment, percent, span

SEVERITIES: Final = ("critical", "warning", "info")
#: Facts that a card says in its other lines, or that only machines need.
_SAID: Final = frozenset(
    {
        "since_resolution",
        "since_or_earlier",
        "held_until",
        "detail",
        "check",
        "service",
        "of_replicas",
    }
)
#: Names of a list that are shown.
_NAMED: Final = 3

#: Codes of problems, and the page that tells more of them.
_MORE: Final = (
    (
        ("KbStatusNone", "KbStatusDegraded"),
        "rejections",
        "Which filters stand in the way, down to single requests",
    ),
    (("CircuitBreakerOpen", "HighRetryRate"), "breakers", "What the circuits did, and when"),
)


@dataclass(frozen=True)
class Card:
    """One problem as it is shown; every text is plain.

    Attributes:
        sign, colour: of its severity; both say the same, for those who see one of them.
        severity, code: as the alert has them.
        title: what is wrong.
        since: since when, how long, how exactly that is known.
        why: what it is told from, line by line.
        first: what to do first.
        runbook: its name.
        parameters: of the runbook, as options.
    """

    sign: str
    colour: str
    severity: str
    code: str
    title: str
    since: str
    why: tuple[str, ...]
    first: str
    runbook: str
    parameters: str


@dataclass(frozen=True)
class Headline:
    """The one line that says whether all is well."""

    healthy: bool
    text: str
    colour: str
    sign: str


def cards(problems: Sequence[Mapping[str, Any]], now: datetime) -> list[Card]:
    """A card per problem, as they come: the most severe first."""
    return [_card(problem, now) for problem in problems]


def headline(problems: Sequence[Mapping[str, Any]], now: datetime) -> Headline:
    """Whether all is well; if not, since when not."""
    if not problems:
        text = "Healthy: nothing that is watched here is wrong"
        return Headline(True, text, GOOD, "✔")
    worst = min((str(p["severity"]) for p in problems), key=SEVERITIES.index)
    times = [at for p in problems if p["severity"] == worst and (at := moment(p["since"]))]
    n = len(problems)
    counted = "1 open problem" if n == 1 else f"{n} open problems"
    told = (
        f"Not healthy: {counted}, the worst {worst}"
        if n > 1
        else f"Not healthy: {counted}, {worst}"
    )
    since = f", since {clock(min(times), now)}" if times else ""
    return Headline(False, told + since, SEVERITY[worst], SEVERITY_SIGN[worst])


def ways_on(problems: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Pages that tell more of what is wrong, with what their links say."""
    codes = {str(problem["code"]) for problem in problems}
    return [(page, label) for names, page, label in _MORE if codes & set(names)]


def no_answer(why: str, since: datetime) -> dict[str, Any]:
    """The problem that nobody answers this dashboard.

    Args:
        why: the error.
        since: since when this process has had no answer.
    """
    return {
        "code": "NoAnswer",
        "severity": "critical",
        "title": "the knowledge base does not answer this dashboard",
        "since": since,
        "evidence": {"error": why},
        "what_to_do": "start the service again, or bring back what lies between; notebooks and "
        "programs that open the store themselves go on working. This page asks again by itself",
        "runbook": "07_service_restart",
        "parameters": {},
    }


def _card(problem: Mapping[str, Any], now: datetime) -> Card:
    severity, evidence = str(problem["severity"]), problem["evidence"]
    options = [f"{name}={shlex.quote(str(v))}" for name, v in problem["parameters"].items()]
    return Card(
        SEVERITY_SIGN[severity],
        SEVERITY[severity],
        severity,
        str(problem["code"]),
        _capital(str(problem["title"])),
        _since(moment(problem["since"]), evidence, now),
        tuple(_why(evidence)),
        _capital(str(problem["what_to_do"])),
        str(problem["runbook"]),
        " ".join(f"-p {option}" for option in options),
    )


def _since(at: datetime | None, evidence: Mapping[str, Any], now: datetime) -> str:
    if at is None:
        return "Since when is not known"
    exact = {"hour": ", to the hour", "minute": ", to the minute"}
    resolution = exact.get(str(evidence.get("since_resolution")), "")
    earlier = " or earlier" if evidence.get("since_or_earlier") else ""
    return f"Since {clock(at, now)}{earlier} ({span((now - at).total_seconds())} ago{resolution})"


def _why(evidence: Mapping[str, Any]) -> Iterator[str]:
    """Counts first, then who and why; of other evidence whatever there is."""
    if "answers" in evidence:
        yield from _of_answers(evidence)
        return
    for name, value in evidence.items():
        if name not in _SAID and value not in (None, [], {}):
            yield _fact(name, value)


def _fact(name: str, value: Any) -> str:
    if name.endswith("_s") and not name.endswith("_per_s"):
        return f"{_capital(name.removesuffix('_s').replace('_', ' '))}: {span(value)}"
    return f"{_capital(name.replace('_per_s', ' a second').replace('_', ' '))}: {_told(value)}"


def _of_answers(evidence: Mapping[str, Any]) -> Iterator[str]:
    status = "none" if "none" in evidence else "degraded"
    last = evidence["last"]
    yield (
        f"{evidence[status]} of {evidence['answers']} answers in "
        f"{span(evidence['window_s'])}, {last[status]} of {last['answers']} in "
        f"{span(last['window_s'])} (limit {percent(evidence['threshold'])} of both)"
    )
    if strategies := evidence["strategies"]:
        yield f"Strategies: {_told(strategies)}"
    if reasons := evidence["reasons"]:
        looked = evidence["reasons_of_answers"]
        yield f"Reasons, in the newest {looked} of them: {_told(reasons)}"


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        shown = [f"{shortened(str(k), 48)} ({v})" for k, v in list(value.items())[:_NAMED]]
        more = len(value) - _NAMED
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    if isinstance(value, list):
        return ", ".join(shortened(str(v), 48) for v in value[: 2 * _NAMED])
    at = _as_time(value)
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else shortened(str(value), 240)


def _as_time(value: Any) -> datetime | None:
    try:
        return moment(value) if isinstance(value, str) and value.endswith("Z") else None
    except ValueError:
        return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
