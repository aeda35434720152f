"""One form, one answer: which parameters to use, and how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboard.recommending import again, answer, form
from dashboard.recommending.market import Bars
from dashboard.shared import data, scope, strategies
from dashboard.shared.look import HINT
from dashboard.shared.parts import box, empty, refused
from dashboard.views import asking, links
from dashboard.views.asking import Form
from tradingkb.exceptions import InvalidInputError, TradingKBError

ASK: Final = "Ask"
THEN: Final = "Answer of that time"


def page() -> None:
    """The page."""
    st.title("Recommend")
    scope.remember(*form.KEYS, *again.KEYS)
    workspace = scope.picked().workspace
    arrived = bool(st.session_state.get("_arrived"))
    if arrived:
        st.session_state.pop("view", None)
    # What is remembered comes back into the state before it comes back into the URL.
    named = st.query_params.get("request") or st.session_state.get("request")
    first = THEN if named else ASK
    ask, then = st.tabs([ASK, THEN], default=first, key="view", on_change="rerun")
    with ask:
        if ask.open:
            _ask(workspace, arrived=arrived)
    with then:
        if then.open:
            again.show(workspace, _reuse)


def _reuse(event: Mapping[str, Any]) -> None:
    form.fill(asking.of_event(event))
    st.session_state["view"] = ASK


def _ask(workspace: str, *, arrived: bool) -> None:
    names, up = strategies.choices("Recommendations", workspace)
    if up and not names:
        empty(
            "No strategy yet",
            "Ingest trials, with kb.ingest(...) or `tradingkb ingest`, and ask here.",
        )
        return
    known = form.known(names)
    link = {k: st.query_params.get_all(k) for k in form.KEYS if arrived and k in st.query_params}
    linked = known and "strategy_name" in link
    chosen = st.session_state.get("strategy_name") or st.query_params.get("strategy_name")
    filled, bars = form.show(names, _spec(chosen, workspace))
    if known:
        _left_out(link)
    wanted = _buttons(filled, up=up) or st.session_state.pop("_try", False) or linked
    if wanted and up:
        _answer(filled, bars, workspace)
    elif wanted:  # asked when somebody answers again
        st.session_state["_try"] = True
    _shown(filled, bars, workspace)


def _left_out(link: Mapping[str, Sequence[str]]) -> None:
    """Says what the link asks for and the form cannot hold: its answer is to another question."""
    held = {key: st.session_state[key] for key in form.KEYS if key in st.session_state}
    if lost := links.left_out(link, held):
        box(
            "Left out of the link, because it cannot be used here",
            *lost,
            colour=HINT,
            role="alert",
        )


def _buttons(filled: Form, *, up: bool) -> bool:
    with st.container(horizontal=True):
        clicked = st.button(
            "Ask",
            type="primary",
            key="ask",
            icon=":material/target:",
            disabled=not filled.strategy_name or not up,
        )
        st.button("Clear the form", type="tertiary", key="clear", on_click=form.clear)
    return clicked


def _spec(name: str | None, workspace: str) -> dict[str, Any] | None:
    if not name:
        return None
    try:
        found: dict[str, Any] | None = data.ask("strategy", name=name, workspace=workspace)
    except TradingKBError:
        return None
    return found


def _answer(filled: Form, bars: Bars | None, workspace: str) -> None:
    """Asks, and keeps the answer for this viewer."""
    st.session_state.pop("_answered", None)
    if filled.market == asking.UPLOAD and bars is None:
        box(
            "No bars",
            "Upload a file, or give the market another way. A link cannot carry a file.",
            colour=HINT,
            role="alert",
        )
        return
    try:
        with st.spinner("Asking"):
            regime = _recorded(filled, workspace)
            asked = asking.question(
                filled, workspace, regime=regime, ohlcv=bars.frame if bars else None
            )
            found = data.fresh("recommend", question=asked)
    except TradingKBError as error:
        refused("The answer", error, clicked=True)
        return
    st.session_state["_answered"] = {"of": _told(filled, bars, workspace), "answer": found}


def _recorded(filled: Form, workspace: str) -> dict[str, Any] | None:
    if filled.market != asking.RECORDED:
        return None
    named = filled.regime_of.strip()
    if not named:
        raise InvalidInputError(
            "no request is named", field="regime_of", remedy="give the id of a recorded request"
        )
    regime: dict[str, Any] | None = data.ask("event", request_id=named, workspace=workspace)[
        "regime"
    ]
    if regime is None:
        raise InvalidInputError(
            "that request said nothing of the market",
            field="regime_of",
            remedy="name another one, or ask for any market",
        )
    return regime


def _told(filled: Form, bars: Bars | None, workspace: str) -> tuple[Any, ...]:
    """What tells two questions apart."""
    return (repr(filled), bars.digest if bars else None, workspace)


def _shown(filled: Form, bars: Bars | None, workspace: str) -> None:
    kept = st.session_state.get("_answered")
    if kept is None:
        return
    found = kept["answer"]
    if kept["of"] != _told(filled, bars, workspace):
        box("The form has changed since", "This answer is to the question before.", colour=HINT)
    with st.container(border=True):
        code = asking.in_python(filled, workspace, bars.name if bars else "")
        spec = _spec(found["strategy_name"], workspace)
        answer.show(found, spec, key="asked", attempt=_try, code=code)
    if filled.market == asking.UPLOAD:
        recorded = Form(
            **{**vars(filled), "market": asking.RECORDED, "regime_of": found["request_id"]}
        )
        st.page_link(
            "app_pages/recommend.py",
            label="A link that asks this without the file, with the regime that was measured",
            icon=":material/link:",
            query_params={"workspace": workspace, **asking.link(recorded)},
        )


def _try(filter_name: str, value: Any) -> None:
    form.fill(asking.relaxed(filter_name, value))
    st.session_state["_try"] = True


page()
