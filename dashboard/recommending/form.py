"""The form of a question; everything in it, an uploaded file apart, stands in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboard.recommending import market
from dashboard.recommending.market import Bars
from dashboard.shared import data
from dashboard.shared.look import HINT
from dashboard.shared.parts import box
from dashboard.shared.text import say, shortened
from dashboard.views import asking
from dashboard.views.asking import Form
from tradingkb.domain import FEATURES, TAGS
from tradingkb.exceptions import TradingKBError

_DEFAULTS: Final = vars(Form())
#: Keys of the form's widgets, which are its parameters in the URL.
KEYS: Final = (*(name for name in _DEFAULTS), *FEATURES)
#: Pixels of a field of the filters; fields that do not fit beside one another wrap.
_WIDTH: Final = 190
_NOTE: Final = '<p style="opacity:.8;font-size:.9rem;margin:0">{text}</p>'


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
        colour=HINT,
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
        given, bars = market.show()
        limits = _filters(spec)
    form = Form(**{**about, **given, **limits})
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
        chosen = st.session_state.get("objective_type") or st.query_params.get("objective_type")
        names = list(dict.fromkeys(["sharpe", str(chosen or "sharpe")]))
    return sorted(names, key=lambda name: (name != "sharpe", name))


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
