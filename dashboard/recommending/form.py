"""The form of a question; everything in it, an uploaded file apart, stands in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shared import data
from dashboard.shared.parts import box, guarded, refused
from dashboard.shared.text import say, shortened
from dashboard.views import asking
from dashboard.views.asking import Form
from tradingkb.domain import FEATURE_INFO, FEATURES, TAGS
from tradingkb.exceptions import InvalidInputError, TradingKBError

_DEFAULTS: Final = vars(Form())
#: Keys of the form's widgets, which are its parameters in the URL.
KEYS: Final = (*(name for name in _DEFAULTS), *FEATURES)
#: Pixels of a field of the filters; fields that do not fit beside one another wrap.
_WIDTH: Final = 190
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


def fill(fields: Mapping[str, Any]) -> None:
    """Puts values into the form; to be called before its widgets are made, as in a callback."""
    for name, value in fields.items():
        st.session_state[name] = value


def clear() -> None:
    """Empties the form, the strategy and what it is judged by apart."""
    kept = ("strategy_name", "objective_type")
    fill({name: _empty(name) for name in _DEFAULTS if name not in kept})
    st.session_state.pop("_bars", None)


def _empty(name: str) -> Any:
    value = _DEFAULTS[name]
    return [] if value in ((), {}) else value


def known(names: Sequence[str]) -> bool:
    """Whether the strategy of the link is there; says so where it is not."""
    wanted = st.query_params.get("strategy_name")
    if wanted is None or wanted in names:
        return True
    box(
        f"No strategy {shortened(wanted)!r}",
        "The link names one that has neither trials nor a spec in this workspace. "
        "Pick another one, or another workspace.",
        colour="#e69f00",
    )
    return False


def show(names: Sequence[str], spec: Mapping[str, Any] | None) -> tuple[Form, Bars | None]:
    """Shows the form; what it holds, and the uploaded file.

    Args:
        names: of strategies to choose from.
        spec: of the chosen one, None where it has none.
    """
    with st.container(border=True):
        about = _about(names)
        market, bars = _market()
        limits = _filters(spec)
    form = Form(**{**about, **market, **limits})
    if bars is not None:
        named = {"symbol": bars.symbol, "timeframe": bars.timeframe}
        form = Form(**{**vars(form), **{k: v for k, v in named.items() if v and not about[k]}})
    return form, bars


def _about(names: Sequence[str]) -> dict[str, Any]:
    row = st.container(horizontal=True)
    return {
        "strategy_name": row.selectbox(
            "Strategy",
            names,
            index=None,
            key="strategy_name",
            bind="query-params",
            placeholder="which one?",
            width=280,
        )
        or "",
        "objective_type": row.selectbox(
            "Judged by", _objectives(), key="objective_type", bind="query-params", width=170
        ),
        "symbol": row.text_input(
            "Symbol",
            key="symbol",
            bind="query-params",
            placeholder="any",
            max_chars=64,
            width=115,
            help="The instrument: its own history weighs more.",
        ),
        "timeframe": row.text_input(
            "Timeframe",
            key="timeframe",
            bind="query-params",
            placeholder="any",
            max_chars=16,
            width=115,
            help="Of its bars, such as 5m, 1h, 1d.",
        ),
        "as_of": row.text_input(
            "As of (UTC)",
            key="as_of",
            bind="query-params",
            placeholder="now",
            max_chars=40,
            width=190,
            help="Answers with what was knowable then, such as 2024-01-31 or 2024-01-31T16:00Z.",
        ),
    }


def _objectives() -> list[str]:
    try:
        names = [str(one["name"]) for one in data.ask("objectives")]
    except TradingKBError:
        return ["sharpe"]
    return sorted(names, key=lambda name: (name != "sharpe", name))


def _market() -> tuple[dict[str, Any], Bars | None]:
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
        max_upload_size=asking.MOST_MB,
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
        regime = _regime_of(bars.name, bars.digest, bars.frame)
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
def _regime_of(name: str, digest: int, _frame: pl.DataFrame) -> dict[str, Any]:
    del digest  # tells two files of one name apart
    stem = name.rsplit(".", 1)[0]
    symbol, timeframe = asking.series_of(stem)
    found: dict[str, Any] = data.fresh(
        "regime", ohlcv=_frame, symbol=symbol or None, timeframe=timeframe or None
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
    form = {"tags": tuple(tags), "features": _sliders(chosen, tags)}
    with guarded("The market"):
        asking.stated(Form(**form))
    return form


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


def _filters(spec: Mapping[str, Any] | None) -> dict[str, Any]:
    hints = asking.defaults(spec)
    state, link = st.session_state, st.query_params
    changed = [n for n in _LIMITS if state.get(n, link.get(n)) not in (_empty(n), None)]
    label = f"Filters and limits: {len(changed)} changed" if changed else "Filters and limits"
    with st.expander(label, expanded=bool(changed), key="limits"):
        say(
            _NOTE,
            text="Filters decide which trials may nominate their parameters; every trial counts "
            "as evidence. What is left open is as the strategy says, or by default.",
        )
        return {**_thresholds(hints), **_others(hints)}


_LIMITS: Final = (
    "require_oos",
    "max_drawdown",
    "min_trades",
    "max_overfit_gap",
    "regime_tags",
    "strategy_version",
    "min_deflated_sharpe",
    "max_pbo",
)


def _thresholds(hints: Mapping[str, str]) -> dict[str, Any]:
    row = st.container(horizontal=True)
    return {
        "require_oos": row.selectbox(
            "require_oos",
            asking.REQUIRE_OOS,
            key="require_oos",
            bind="query-params",
            width=_WIDTH,
            help=f"Only trials with an out-of-sample result nominate. Default: "
            f"{hints['require_oos']}.",
        ),
        "max_drawdown": row.number_input(
            "max_drawdown (fraction)",
            min_value=0.0,
            max_value=1.0,
            value=None,
            step=0.05,
            format="%.4g",
            key="max_drawdown",
            bind="query-params",
            width=_WIDTH,
            placeholder=hints["max_drawdown"],
            help="Largest drawdown of a nomination: 0.25 is 25 %.",
        ),
        "min_trades": row.number_input(
            "min_trades",
            min_value=0,
            max_value=2**31 - 1,
            value=None,
            step=1,
            key="min_trades",
            bind="query-params",
            width=_WIDTH,
            placeholder=hints["min_trades"],
            help="Fewest trades of a nomination, in-sample and out-of-sample together.",
        ),
        "max_overfit_gap": row.number_input(
            "max_overfit_gap (Sharpe)",
            min_value=0.0,
            max_value=asking.NO_GAP,
            value=None,
            step=0.05,
            format="%.4g",
            key="max_overfit_gap",
            bind="query-params",
            width=_WIDTH,
            placeholder=hints["max_overfit_gap"],
            help="Largest in-sample minus out-of-sample Sharpe ratio; 1000 switches it off.",
        ),
    }


def _others(hints: Mapping[str, str]) -> dict[str, Any]:
    row = st.container(horizontal=True)
    return {
        "regime_tags": tuple(
            row.multiselect(
                "regime_tags",
                TAGS,
                key="regime_tags",
                bind="query-params",
                width=_WIDTH,
                placeholder=hints["regime_tags"],
                help="Only trials whose window carries all of these nominate.",
            )
        ),
        "strategy_version": row.text_input(
            "strategy_version",
            key="strategy_version",
            bind="query-params",
            width=_WIDTH,
            placeholder="registered, or newest",
            max_chars=64,
            help="Whose evidence counts.",
        ),
        **{
            name: row.number_input(
                f"{name} (0 to 1)",
                min_value=0.0,
                max_value=1.0,
                value=None,
                step=0.05,
                format="%.4g",
                key=name,
                bind="query-params",
                width=_WIDTH,
                placeholder="no limit",
                help=told,
            )
            for name, told in (
                ("min_deflated_sharpe", "Sets of a lower one are not chosen."),
                ("max_pbo", "Nothing is chosen where overfitting is likelier than this."),
            )
        },
    }
