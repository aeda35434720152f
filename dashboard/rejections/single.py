"""Single answers, page by page, and what one of them says."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shared import data
from dashboard.shared.parts import guarded
from dashboard.shared.scope import Scope
from dashboard.shared.text import say, shortened
from dashboard.views import rejections as view
from dashboard.views.evidence import sentence

#: Widgets that stand in the URL.
KEYS: Final = ("status", "pattern")
_STATUSES: Final = ("degraded", "none", "ok")
_PATTERNS: Final = {pattern.name: pattern.column for pattern in view.PATTERNS if pattern.listed}
_ROWS: Final = 25
_NOTE: Final = '<p style="opacity:.8;font-size:.9rem;margin:0">{text}</p>'


def show(at: Scope, strategy: str | None, *, listed: bool) -> None:
    """Shows a page of answers to choose from.

    Args:
        at: workspace and range.
        strategy: of one alone; None for all.
        listed: whether to ask for them; without, only what is picked is shown.
    """
    st.subheader("Single answers")
    row = st.container(horizontal=True)
    status = row.selectbox(
        "Status",
        _STATUSES,
        index=None,
        key="status",
        bind="query-params",
        placeholder="any",
        width=180,
    )
    pattern = row.selectbox(
        "Pattern",
        list(_PATTERNS),
        index=None,
        key="pattern",
        bind="query-params",
        placeholder="any",
        width=280,
    )
    where = {"status": status, "strategy_name": strategy}
    where |= {_PATTERNS[pattern]: "true"} if pattern else {}
    said = {name: value for name, value in where.items() if value}
    if listed:
        with guarded("The single answers"):
            _page_of(at, said)


def _page_of(at: Scope, where: dict[str, str]) -> None:
    asked = (at.workspace, at.range, tuple(sorted(where.items())))
    cursors = _cursors(asked)
    frame, following = data.ask(
        "event_page",
        workspace=at.workspace,
        where=where,
        limit=_ROWS,
        after=cursors[-1],
        since=at.since,
    )
    if frame.is_empty():
        say(_NOTE, text="No such answer in this range. Older ones may have been pruned.")
    else:
        _chosen(at, frame, len(cursors))
    _turn(cursors, following)


def _cursors(asked: tuple[Any, ...]) -> list[str | None]:
    """Where the pages begin that were turned so far; others begin with another list."""
    kept = st.session_state.get("_cursors")
    if kept is None or kept[0] != asked:
        first: list[str | None] = [None]
        kept = st.session_state["_cursors"] = (asked, first)
    found: list[str | None] = kept[1]
    return found


def _chosen(at: Scope, frame: pl.DataFrame, place: int) -> None:
    rows = view.single(frame)
    picked = st.dataframe(
        rows,
        hide_index=True,
        alt=f"{rows.height} recorded answers, newest first",
        key=f"answers_{place}",
        on_select="rerun",
        selection_mode="single-row",
        height="content",
        column_config={
            "strategy": st.column_config.TextColumn(width="medium"),
            "at": st.column_config.DatetimeColumn(
                "at (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"
            ),
        },
    )
    found = picked["selection"]["rows"]
    if not found or found[0] >= rows.height:
        say(_NOTE, text="Choose a row to see why it is so, and to ask it again.")
        return
    event = frame.row(found[0], named=True)
    _opened(at, event)


def _opened(at: Scope, event: dict[str, Any]) -> None:
    with st.container(border=True):
        say(
            '<p style="overflow-wrap:anywhere"><strong>{status}</strong> · {name} · {id}</p>',
            status=str(event["status"]).upper(),
            name=shortened(event["strategy_name"]),
            id=event["request_id"],
        )
        for code in view.structure(event["reasons"]) or ():
            say(_NOTE, text=f"{sentence(view.meaning(code))} ({code})")
        frame = view.rejections_of(event)
        if frame.height:
            st.dataframe(
                frame, hide_index=True, alt="How many trials fail each filter", key="rejected"
            )
        st.page_link(
            "app_pages/recommend.py",
            label="Open this answer, and ask it again as of then",
            icon=":material/target:",
            query_params={
                "workspace": at.workspace,
                "request": event["request_id"],
                "at": event["at"].isoformat().replace("+00:00", "Z"),
            },
        )


def _back(cursors: list[str | None]) -> None:
    cursors.pop()


def _turn(cursors: list[str | None], following: str | None) -> None:
    row = st.container(horizontal=True)
    row.button(
        "Newer",
        key="newer",
        disabled=len(cursors) < 2,
        on_click=_back,
        args=(cursors,),
        type="tertiary",
    )
    row.button(
        "Older",
        key="older",
        disabled=following is None,
        on_click=cursors.append,
        args=(following,),
        type="tertiary",
    )
