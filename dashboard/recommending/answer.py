"""One answer on the page: what to use, how far to trust it, why, and what stood in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import polars as pl
import streamlit as st

from dashboard.shared import look
from dashboard.shared.text import in_label, markup, say, shortened
from dashboard.views import answers, evidence
from dashboard.views.answers import Fact, Why
from dashboard.views.evidence import Relaxing
from tradingkb.presentation import evidence_figure

Answer = Mapping[str, Any]

_HEAD: Final = (
    '<div style="display:flex;flex-wrap:wrap;gap:.4rem .9rem;align-items:baseline;'
    'overflow-wrap:anywhere"><span style="border:2px solid {colour};border-radius:.4rem;'
    'padding:.1rem .6rem;font-weight:700;white-space:nowrap">{badge}</span>'
    '<span style="font-size:1.35rem;font-weight:600" title="{full}">{name}</span>'
    "<span>{meaning}</span></div>"
    '<div style="opacity:.75;font-size:.9rem;margin-top:.3rem">{context}</div>'
)
_GRID: Final = (
    '<div style="display:grid;gap:.7rem;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr))">'
    "{{cells}}</div>"
)
_CELL: Final = (
    '<div style="border:1px solid rgba(128,128,128,.3);border-radius:.4rem;padding:.6rem .8rem;'
    'overflow-wrap:anywhere"><div style="opacity:.75;font-size:.85rem">{name}</div>'
    '<div style="font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums">{value}</div>'
    '<div style="opacity:.8;font-size:.85rem">{note}</div></div>'
)
_WHY: Final = (
    '<div style="border-left:.25rem solid {colour};padding:.15rem 0 .15rem .8rem;margin:.5rem 0;'
    'overflow-wrap:anywhere"><div>{meaning} <code style="font-size:.8rem">{code}</code></div>'
    '<div style="opacity:.85;font-size:.9rem">{action}</div></div>'
)
_NOTE: Final = (
    '<p style="margin:.2rem 0;opacity:.75;font-size:.85rem;overflow-wrap:anywhere">{text}</p>'
)
_LINE: Final = '<p style="margin:.2rem 0;overflow-wrap:anywhere">{text}</p>'
#: Pixels of one of two places side by side.
_HALF: Final = 450
#: Rows that are shown without a scroll bar.
_FEW: Final = 16
_SCORES: Final = {"score": "%.3f", "objective": "%.3f", "distance": "%.2f", "rank": "%.2f"}


def facts(found: Sequence[Fact]) -> None:
    """Numbers side by side, each under its name and over what it means."""
    cells = "".join(markup(_CELL, name=f.name, value=f.value, note=f.note) for f in found)
    st.html(_GRID.replace("{{cells}}", cells))


def lines(texts: Sequence[str]) -> None:
    """Sentences, one below the other."""
    for text in texts:
        say(_LINE, text=text)


def table(frame: pl.DataFrame, *, alt: str, key: str, **columns: Any) -> None:
    """A frame as a table.

    Args:
        frame: its rows.
        alt: what it is, for who does not see it.
        key: its name on the page.
        **columns: how columns are shown, by name.
    """
    fits: Literal["content", "auto"] = "content" if frame.height <= _FEW else "auto"
    st.dataframe(
        frame,
        hide_index=True,
        alt=alt,
        key=key,
        column_config=columns,
        height=fits,
        placeholder="–",
    )


def show(
    answer: Answer,
    spec: Mapping[str, Any] | None,
    *,
    key: str,
    attempt: Callable[[str, Any], None] | None = None,
    code: str = "",
) -> None:
    """Shows an answer.

    Args:
        answer: `Recommendation.to_dict()`.
        spec: the strategy's, None where it has none.
        key: tells two answers of one page apart.
        attempt: called with filter and value where the viewer wants to try a relaxation.
        code: the question in Python.
    """
    _head(answer)
    if answer["status"] == "none":
        _why(answer)
        _obstacles(answer, key, attempt)
    else:
        facts(answers.key_facts(answer))
        _chosen(answer, spec, key, code)
        _why(answer)
        _beside(answer, key)
        _evidence(answer, key)
    _regime(answer, key)
    if answer["status"] != "none":
        _obstacles(answer, key, attempt)
        _nominations(answer, key)
    _foot(answer)


def _head(answer: Answer) -> None:
    said = answers.headline(answer)
    say(
        _HEAD,
        colour=look.STATUS[answer["status"]],
        badge=said.value,
        name=shortened(said.name),
        full=said.name,
        meaning=said.note,
        context=answers.context(answer),
    )


def _halves() -> tuple[Any, Any]:
    """Two places side by side, one below the other where the page is narrow."""
    row = st.container(horizontal=True, gap="medium")
    return row.container(width=_HALF), row.container(width=_HALF)


def _chosen(answer: Answer, spec: Mapping[str, Any] | None, key: str, code: str) -> None:
    st.subheader("Parameters")
    if not answer["params_tested"]:
        lines(["Exactly these parameters were never tried."])
    left, right = _halves()
    with left:
        table(
            answers.parameters(answer, spec),
            alt="The recommended parameters beside the defaults",
            key=f"params_{key}",
        )
        lines(answers.confidence_meaning(answer))
    with right:
        texts = {"JSON": ("json", answers.as_json(answer["params"]))}
        texts["Python"] = ("python", answers.as_python(answer["params"]))
        texts |= {"The question in Python": ("python", code)} if code else {}
        for tab, (language, text) in zip(st.tabs(list(texts)), texts.values(), strict=True):
            tab.code(text, language=language)


def _why(answer: Answer) -> None:
    found = answers.reasons(answer)
    st.subheader("Why, and what to do")
    if not found:
        lines(["No reason weakens this status, and there is no caveat."])
    for why in found:
        _one(why)
    lines([f"→ {text}" for text in answers.more_to_do(answer)])
    for text in answers.notes(answer):
        say(_NOTE, text=text)


def _one(why: Why) -> None:
    say(
        _WHY,
        colour=look.SEVERITY["warning" if why.decides else "info"],
        meaning=why.meaning,
        code=why.code,
        action=f"→ {why.action}" if why.action else "",
    )


def _beside(answer: Answer, key: str) -> None:
    frame = answers.comparison(answer)
    if frame.height > 1:
        st.subheader("Beside the plain average and the defaults")
        table(frame, alt="What each choice is expected to earn", key=f"beside_{key}")
    lines(answers.luck(answer))


def _evidence(answer: Answer, key: str) -> None:
    st.subheader("Evidence")
    frame = evidence.windows(answer)
    said = answers.key_facts(answer)[0]
    alt = f"{frame.height} windows that tried these parameters; expected {said.value}, {said.note}"
    figure = evidence_figure(answer)
    if frame.height:
        lines([evidence.caption(answer)])
        figure.update_layout(title=None, margin={"t": 10, "l": 8, "r": 8, "b": 8})
        figure.update_layout(xaxis2_title_text="regime distance")
        figure.update_xaxes(tickfont={"size": 10})
    look.draw(figure, alt=alt, key=f"figure_{key}")
    if frame.height:
        with st.expander(f"The {frame.height:,} windows, newest first (dates UTC)"):
            table(frame, alt=alt, key=f"windows_{key}", **_numbers(frame))
    spread = evidence.spreads(answer)
    if spread.height:
        with st.expander("How far the best-supported parameter sets agree"):
            table(spread, alt="The spread of each parameter", key=f"spreads_{key}")


def _regime(answer: Answer, key: str) -> None:
    regime = answer["regime"]
    st.subheader("Regime against its neighbours")
    if regime is None:
        lines(["No market was given: the answer is the same for every state of it."])
        return
    stated = regime["source"] == "stated"
    tags = ", ".join(regime["tags"]) or "no tag fires"
    lines([f"{'Stated, not measured' if stated else 'Measured'}: {tags}."])
    lines([text for text in (evidence.neighbourhood(answer), *regime["warnings"]) if text])
    if not answer["evidence"]:
        _features(regime, key)
        return
    left, right = _halves()
    share = st.column_config.NumberColumn(format="%.0f %%")
    with left:
        frame = evidence.neighbour_tags(answer).with_columns(pl.col("nearest", "all") * 100)
        table(
            frame,
            alt="Share of windows that carry each tag",
            key=f"tags_{key}",
            asked=st.column_config.CheckboxColumn("asked for"),
            nearest=share | {"label": "nearest quarter"},
            all=share | {"label": "all windows"},
        )
    with right:
        _features(regime, key)


def _features(regime: Mapping[str, Any], key: str) -> None:
    table(
        evidence.regime_features(regime),
        alt="The question's regime, feature by feature",
        key=f"features_{key}",
        value=st.column_config.NumberColumn(format="%.4g"),
    )


def _obstacles(answer: Answer, key: str, attempt: Callable[[str, Any], None] | None) -> None:
    st.subheader("What the filters turned away")
    passed = answer["after_strict"], answer["after_relaxed"]
    lines([f"{passed[0]:,} trials pass the strict filters, {passed[1]:,} the relaxed ones."])
    frame = evidence.rejections(answer)
    if frame.height:
        table(frame, alt="How many trials fail each filter", key=f"rejections_{key}")
    for place, change in enumerate(evidence.relaxations(answer["recommended_relaxed_settings"])):
        _relaxing(change, f"{key}_{place}", attempt)


def _relaxing(change: Relaxing, key: str, attempt: Callable[[str, Any], None] | None) -> None:
    text, button = st.columns((4, 1), vertical_alignment="center")
    with text:
        say(
            _WHY,
            colour=look.STATUS["ok" if change.sufficient else "degraded"],
            meaning=change.text,
            code="",
            action=f"Risk: {change.risk}",
        )
    if attempt is not None and change.value is not None:
        button.button(
            f"Try {in_label(change.filter)}",
            key=f"try_{key}",
            on_click=attempt,
            args=(change.filter, change.value),
            help="Changes the form and asks again.",
        )


def _nominations(answer: Answer, key: str) -> None:
    frame = evidence.nominations(answer)
    if frame.is_empty():
        return
    with st.expander(f"The best {frame.height:,} nominations, and which rule decided each place"):
        ties = evidence.tie_breaks(answer)
        table(ties, alt="How many places each rule decided", key=f"ties_{key}")
        table(frame, alt="The trials that nominated", key=f"trials_{key}", **_numbers(frame))


def _numbers(frame: pl.DataFrame) -> dict[str, Any]:
    formats = {n: f for n, f in _SCORES.items() if n in frame.columns and frame[n].dtype.is_float()}
    return {name: st.column_config.NumberColumn(format=text) for name, text in formats.items()}


def _foot(answer: Answer) -> None:
    took = answer["timings"].get("total_ms")
    parts = [
        f"Request {answer['request_id']}",
        f"given {str(answer['at'])[:19].replace('T', ' ')} UTC",
        *([f"in {took:.0f} ms"] if took is not None else []),
        f"index {answer['collection']}, {answer['embed_model']}",
    ]
    say(
        '<p style="opacity:.7;font-size:.85rem;overflow-wrap:anywhere">{text}</p>',
        text=" · ".join(parts),
    )
