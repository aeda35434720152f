"""The market of a question: uploaded bars, the regime of a recorded answer, or a stated one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from dashboard.shared import data
from dashboard.shared.parts import guarded, refused
from dashboard.shared.text import say
from dashboard.views import asking
from dashboard.views.asking import Form
from tradingkb.domain import FEATURE_INFO, FEATURES, TAGS
from tradingkb.exceptions import InvalidInputError, TradingKBError

#: The browser refuses a larger file with a sign alone; below, it is refused here, with words. The
#: server has to let as much through: else the browser shows the bare error of its request.
_READ_MB: Final = 64
_NOTE: Final = '<p style="opacity:.8;font-size:.9rem;margin:0">{text}</p>'


class Bars:
    """An uploaded file: its name, its bars, and what its name says of the instrument."""

    def __init__(self, name: str, content: bytes) -> None:
        """Reads it.

        Raises:
            InvalidOHLCVError: it cannot be used.
        """
        self.name = name
        self.frame, self.symbol, self.timeframe = asking.read_upload(name, content)
        self.digest = hash(content)


def show() -> tuple[dict[str, Any], Bars | None]:
    """Shows the fields of the market; what they hold by name, and the uploaded file."""
    kind = st.segmented_control(
        "Market",
        list(asking.MARKETS),
        default=asking.ANY,
        required=True,
        key="market",
        bind="query-params",
    )
    kind = str(kind or asking.ANY)
    say(_NOTE, text=asking.MARKETS[kind])
    if kind == asking.UPLOAD:
        return {"market": kind}, _upload()
    if kind == asking.RECORDED:
        return {"market": kind, "regime_of": _recorded()}, None
    return {"market": kind, **(_stated() if kind == asking.STATED else {})}, None


def _upload() -> Bars | None:
    file = st.file_uploader(
        f"Bars: CSV or Parquet with ts, open, high, low, close; up to {asking.MOST_MB} MB",
        type=["csv", "parquet"],
        key="bars",
        max_upload_size=_READ_MB,
        help="A file named AAPL_1d.csv says symbol and timeframe too.",
    )
    if file is None:
        return None
    kept = st.session_state.get("_bars")
    if isinstance(kept, tuple) and kept[0] == file.file_id:
        return _measured(kept[1])
    try:
        bars = Bars(file.name, file.getvalue())
    except InvalidInputError as error:
        refused("The file", error)
        return None
    st.session_state["_bars"] = (file.file_id, bars)
    return _measured(bars)


def _measured(bars: Bars) -> Bars | None:
    """Says which regime the bars have; None for bars that have none."""
    try:
        regime = _regime_of(bars.name, bars.digest, bars)
    except InvalidInputError as error:
        refused("The bars", error)
        return None
    except TradingKBError as error:
        refused("The bars", error)
        return bars
    tags = ", ".join(regime["tags"]) or "no tag fires"
    text = f"{regime['bars']:,} bars up to {str(regime['end'])[:16].replace('T', ' ')} UTC: {tags}"
    say(_NOTE, text="  ·  ".join([text, *regime["warnings"]]))
    return bars


@st.cache_data(max_entries=32, show_spinner=False)
def _regime_of(name: str, digest: int, _bars: Bars) -> dict[str, Any]:
    del name, digest  # tell files apart
    found: dict[str, Any] = data.fresh(
        "regime",
        ohlcv=_bars.frame,
        symbol=_bars.symbol or None,
        timeframe=_bars.timeframe or None,
    )
    return found


def _recorded() -> str:
    return st.text_input(
        "Request whose regime to ask with",
        key="regime_of",
        bind="query-params",
        max_chars=64,
        placeholder="request id",
        help="The page of filter rejections lists recorded requests with their ids.",
    )


def _stated() -> dict[str, Any]:
    row = st.container(horizontal=True)
    tags = row.multiselect("Tags", TAGS, key="tags", bind="query-params", width=440)
    chosen = row.multiselect(
        "Features that I know more exactly",
        FEATURES,
        key="features",
        bind="query-params",
        width=440,
        help="What is not stated is taken from the tags, or left open.",
    )
    features = _sliders(chosen, tags)
    with guarded("The market"):
        asking.stated(Form(tags=tuple(tags), features=features))
    return {"tags": tuple(tags), "features": features}


def _sliders(chosen: Sequence[str], tags: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    row = st.container(horizontal=True, gap="medium")
    for name in chosen:
        info = FEATURE_INFO[name]
        found[name] = row.select_slider(
            f"{name} ({info.unit})",
            asking.steps(name),
            value=asking.first_value(name, tags),
            key=name,
            bind="query-params",
            format_func=lambda value: f"{value:g}",
            width=280,
            help=info.meaning,
        )
    return found
