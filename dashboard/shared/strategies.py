"""Which strategies can be chosen; while nobody answers, what is chosen stays."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.shared import data
from dashboard.shared.parts import refreshing, refused
from tradingkb.exceptions import TradingKBError


def choices(what: str, workspace: str) -> tuple[list[str], bool]:
    """The strategies of a workspace, and whether the knowledge base answers.

    While it does not, that is said, the page asks again by itself, and the one that is chosen is
    the only choice: a widget that is not shown would lose its place in the URL.

    Args:
        what: the page, for what is said.
        workspace: slug.
    """
    try:
        return data.ask("strategies", workspace=workspace)["strategy_name"].to_list(), True
    except TradingKBError:
        refreshing("strategies", partial(_waiting, what, workspace))
    chosen = st.session_state.get("strategy_name") or st.query_params.get("strategy_name")
    return [chosen] if chosen else [], False


def _waiting(what: str, workspace: str) -> None:
    try:
        data.ask("strategies", workspace=workspace)
    except TradingKBError as error:
        refused(what, error)
        return
    st.rerun()
