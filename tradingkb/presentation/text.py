"""An answer as lines for a terminal: plain text, no colour codes, no symbols."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Answer, Option

_INDENT: Final = 12
_MAX_OBSTACLES: Final = 5


def answer_text(answer: Answer, width: int = 100) -> str:
    """The same content as the card, compact.

    Args:
        answer: `Recommendation.to_dict()`.
        width: columns of the terminal; longer lines are wrapped under their label.
    """
    status = facts.status(answer)
    title = f"{status.word}  {answer['strategy_name']}: {status.meaning}"
    return as_lines(title, answer, _entries(answer), width)


def as_lines(title: str, answer: Answer, entries: Iterable[tuple[str, str]], width: int) -> str:
    """A title, what was asked, and texts beside their labels, wrapped at `width` columns."""
    lines = [title, " | ".join(facts.context(answer))]
    lines += [_wrapped(label, text, width) for label, text in entries]
    return "\n".join(_printable(line) for line in lines)


def _wrapped(label: str, text: str, width: int) -> str:
    return textwrap.fill(
        text,
        width=max(width, 40),
        initial_indent=f"{label:<{_INDENT}}",
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _printable(line: str) -> str:
    # A name from data must not move the cursor or colour the terminal.
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in line)


def _entries(answer: Answer) -> Iterator[tuple[str, str]]:
    yield from _chosen(answer)
    yield from labelled("baseline", [option_text(o, answer) for o in _baselines(answer)])
    yield "regime", regime_text(answer)
    yield from coded_entries(answer)
    yield "filters", facts.passed(answer)
    if answer["status"] == "none":
        yield from _obstacles(answer)


def coded_entries(answer: Answer) -> Iterator[tuple[str, str]]:
    """Reasons, warnings, details and what to do."""
    for key in ("reasons", "warnings"):
        texts = [f"{code}: {meaning}" for code, meaning in facts.coded(answer, key)]
        yield from labelled(key, texts)
    yield from labelled("details", answer.get("notes", []))
    yield from labelled("to do", answer["suggested_actions"])


def _chosen(answer: Answer) -> Iterator[tuple[str, str]]:
    if answer["params"] is None:
        return
    tried = "" if answer["params_tested"] else "  (never tried exactly so)"
    yield "params", fmt.params_text(answer["params"]) + tried
    yield from labelled("repaired", [f"{k}: {v}" for k, v in answer["repaired_params"].items()])
    if answer["expected"]:
        yield "expected", expected_text(answer)
        parts = (*facts.support(answer), facts.shrinkage(answer))
        yield "evidence", ", ".join(part for part in parts if part)
    yield "confidence", ", ".join(facts.confidence(answer))
    yield from labelled("luck", facts.luck(answer))


def expected_text(answer: Answer) -> str:
    """What is expected per window, with its interval and the spread of single windows."""
    value, interval = facts.mean(answer)
    return f"{value} per window; {interval}; 80 % of single windows {facts.single_windows(answer)}"


def _baselines(answer: Answer) -> list[Option]:
    return [option for option in facts.options(answer) if option.label != "recommended"]


def option_text(option: Option, answer: Answer) -> str:
    """One parameter set that could be used."""
    if option.expected is None:
        return f"{option.label}: {option.typed()}, never tried"
    unit = facts.unit(answer)
    return f"{option.label}: {option.score(unit)} ({option.bounds(unit)}) with {option.typed()}"


def regime_text(answer: Answer) -> str:
    """The query's regime and where it comes from."""
    regime = answer["regime"]
    if regime is None:
        return facts.NO_REGIME
    return f"{', '.join(regime['tags']) or 'no tag fired'} ({facts.regime_source(regime)})"


def _obstacles(answer: Answer) -> Iterator[tuple[str, str]]:
    rejected = [
        f"{r['filter']} {fmt.literal(r['value'])}: {r['fails']:,} trials fail it, "
        f"{r['fails_only']:,} only it"
        for r in facts.rejections(answer)
    ]
    yield from labelled("in the way", rejected[:_MAX_OBSTACLES])
    changes = [
        f"{facts.relaxation(setting)}; risk: {setting['risk']}"
        for setting in answer["recommended_relaxed_settings"]
    ]
    yield from labelled("changes", changes[:_MAX_OBSTACLES])


def labelled(label: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Several texts under one label, which only the first one shows."""
    for place, text in enumerate(texts):
        yield (label if place == 0 else ""), str(text)
