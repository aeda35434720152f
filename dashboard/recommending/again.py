"""An answer of that time: a recorded request, asked again as of then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from dashboard.recommending import answer as shown
from dashboard.shared import data
from dashboard.shared.look import GOOD, HINT
from dashboard.shared.parts import box, empty, refused
from dashboard.views import answers
from tradingkb.exceptions import NotFoundError, TradingKBError

#: Parameters of the URL that name the request.
KEYS: Final = ("request", "at")


def show(workspace: str, reuse: Callable[[Mapping[str, Any]], None]) -> None:
    """Asks for a request id, and shows what it was answered then and would be answered now.

    Args:
        workspace: slug.
        reuse: called with the recorded answer where the viewer wants to ask its question.
    """
    first, second = st.columns((3, 2))
    request = first.text_input(
        "Request id", key="request", bind="query-params", max_chars=64, placeholder="of any answer"
    ).strip()
    at = second.text_input(
        "Given at (UTC)",
        key="at",
        bind="query-params",
        max_chars=40,
        placeholder="the newest",
        help="Which answer, where one id was answered more than once.",
    ).strip()
    if not request:
        empty(
            "Which answer?",
            "Every answer shows its request id, and the page of filter rejections lists them. "
            "It is asked again with what was knowable then, and nothing is recorded.",
        )
        return
    _asked(workspace, request, at or None, reuse)


def _asked(
    workspace: str, request: str, at: str | None, reuse: Callable[[Mapping[str, Any]], None]
) -> None:
    named = {"request_id": request, "workspace": workspace, "at": at}
    try:
        event = data.ask("event", **named)
    except NotFoundError as error:
        box(
            "No such answer is stored",
            str(error),
            "Answers are kept for a while and then pruned; their sums stay on the page of filter "
            "rejections. It may also belong to another workspace.",
            colour=HINT,
            role="alert",
        )
        return
    except TradingKBError as error:
        refused("The answer of that time", error)
        return
    _then(event, reuse)
    _now(named, _spec(event["strategy_name"], workspace))


def _spec(name: str, workspace: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = data.ask("strategy", name=name, workspace=workspace)
    except TradingKBError:
        return None
    return found


def _then(event: Mapping[str, Any], reuse: Callable[[Mapping[str, Any]], None]) -> None:
    st.subheader("Then")
    as_of = event.get("as_of")
    parts = [
        event["strategy_name"],
        event["objective_type"],
        f"asked {str(event['at'])[:19].replace('T', ' ')} UTC",
        *([f"as of {str(as_of)[:19].replace('T', ' ')} UTC"] if as_of else []),
        f"by {event['source']}",
    ]
    shown.lines([" · ".join(parts)])
    shown.facts(answers.then_facts(event))
    if event.get("params"):
        st.code(answers.as_json(event["params"]), language="json")
    st.button(
        "Put this question into the form",
        key="reuse",
        on_click=reuse,
        args=(event,),
        help="To ask it as of now, or with other filters.",
    )


def _now(named: Mapping[str, Any], spec: Mapping[str, Any] | None) -> None:
    st.subheader("Asked again, as of then")
    try:
        again = data.ask("answer_again", **named)
    except TradingKBError as error:
        refused("Asking it again", error)
        return
    frame = answers.differences(again)
    if again["same"]:
        box("The same answer", "Nothing that it rests on has changed.", colour=GOOD)
    else:
        box(
            f"{frame.height} of its facts differ"
            if frame.height != 1
            else "1 of its facts differs",
            "What was known of then may have changed: trials were withdrawn, restated or came in "
            "late, or the release, a weight or a filter is another one.",
            colour=HINT,
        )
        shown.table(frame, alt="What was answered then and is answered now", key="differences")
    with st.expander("The whole answer as of then", expanded=not again["same"]):
        shown.show(again["now"], spec, key="again")
