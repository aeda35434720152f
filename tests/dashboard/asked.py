"""What pages have asked, and what was asked before them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

import tradingkb as tkb


def asked(home: Path, **where: str) -> pl.DataFrame:
    """What a page has asked, once its client has written it down."""
    st.cache_resource.clear()
    with tkb.connect(home, progress=False) as kb:
        return kb.event_page(where={"source": "dashboard", **where}).rows


def button(app: Any, key: str) -> Any:
    """The button of a key."""
    return next(b for b in app.button if b.key == key)


def recorded(home: Path, **question: Any) -> str:
    """The name of an answer that somebody was given before."""
    with tkb.connect(home, progress=False) as kb:
        answer = kb.recommend("bb_reversal", request_id="of-then", **question)
    return answer.request_id
