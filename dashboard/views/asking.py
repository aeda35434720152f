"""The recommend form: what it offers, and the question that its fields make.

The keys of the form are its parameters in the URL, and are named as those of `kb.recommend` are, so
that a link reads like the question that it asks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePath
from typing import Any, Final

import polars as pl

from dashboard.views.evidence import threshold, widened
from tradingkb.domain import FEATURE_INFO, STRICT, Regime
from tradingkb.exceptions import InvalidOHLCVError
from tradingkb.presentation import format as fmt
from tradingkb.regimes import series_of

#: How the market is given, with what that means. The names stand in the URL.
ANY, UPLOAD, RECORDED, STATED = "Any", "Upload", "Recorded", "Stated"
MARKETS: Final = {
    ANY: "No market: the answer is the same for every state of it.",
    UPLOAD: "The regime is measured from price bars: the most that can be known of now.",
    RECORDED: "The regime of an answer that was given before.",
    STATED: "The regime that you expect. A claim, not a measurement; the answer says so.",
}
#: Answers to "only trials with out-of-sample results?".
REQUIRE_OOS: Final = ("default", "yes", "no")
#: Largest file of bars, in megabytes and rows; the last few hundred bars are measured.
MOST_MB: Final = 20
MOST_BARS: Final = 1_000_000
#: Asked with where a recorded question switched the overfit gap off: JSON knows no infinity.
NO_GAP: Final = 1000.0
#: Where the slider of a stated feature begins, where no tag says more and the middle says little.
_NEUTRAL: Final = {
    "atr_pct": 0.02,
    "volatility_annual": 0.2,
    "volatility_ratio": 1.0,
    "volatility_of_volatility": 0.3,
    "bb_width": 0.08,
    "efficiency_ratio": 0.1,
    "efficiency_ratio_20": 0.25,
    "rsi": 50.0,
    "adx": 25.0,
    "max_drawdown_frac": 0.1,
}
#: Steps of a decade, for features whose logarithm counts.
_DECADE: Final = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
#: Widest values of sliders whose valid range is wider than anyone would state.
_USUAL: Final = {
    "atr_pct": (0.0005, 0.25),
    "volatility_annual": (0.01, 4.0),
    "volatility_ratio": (0.1, 10.0),
    "volatility_of_volatility": (0.02, 3.0),
    "bb_width": (0.001, 1.5),
    "drift": (-6.0, 6.0),
    "zscore": (-4.0, 4.0),
    "rsi": (2.0, 100.0),
    "adx": (2.0, 100.0),
}


@dataclass(frozen=True)
class Form:
    """What the fields of the form hold; names and units as in `kb.recommend`.

    Attributes:
        market: how the market is given, one of `MARKETS`.
        regime_of: request whose recorded regime is asked with.
        tags, features: of a stated regime.
        require_oos: one of `REQUIRE_OOS`.
    """

    strategy_name: str = ""
    objective_type: str = "sharpe"
    market: str = ANY
    symbol: str = ""
    timeframe: str = ""
    regime_of: str = ""
    tags: Sequence[str] = ()
    features: Mapping[str, float] = field(default_factory=dict)
    require_oos: str = "default"
    max_drawdown: float | None = None
    min_trades: int | None = None
    max_overfit_gap: float | None = None
    regime_tags: Sequence[str] = ()
    as_of: str = ""
    strategy_version: str = ""
    min_deflated_sharpe: float | None = None
    max_pbo: float | None = None


def question(
    form: Form,
    workspace: str,
    *,
    regime: Mapping[str, Any] | None = None,
    ohlcv: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """The question that the form asks, as the client takes it; what is not said is left out.

    Args:
        form: its fields.
        workspace: slug.
        regime: the recorded one, where the market is given so.
        ohlcv: the uploaded bars, likewise.

    Raises:
        InvalidRegimeError: tags or features that contradict each other.
    """
    if form.market == STATED:
        regime = stated(form)
    said: dict[str, Any] = {
        "workspace_id": workspace,
        "strategy_name": form.strategy_name,
        "objective_type": form.objective_type,
        "ohlcv": ohlcv if form.market == UPLOAD else None,
        "regime": regime if form.market in (RECORDED, STATED) else None,
        "symbol": form.symbol.strip() or None,
        "timeframe": form.timeframe.strip() or None,
        "as_of": form.as_of.strip() or None,
        "require_oos": {"yes": True, "no": False}.get(form.require_oos),
        "max_drawdown": form.max_drawdown,
        "min_trades": form.min_trades,
        "max_overfit_gap": form.max_overfit_gap,
        "regime_tags": list(form.regime_tags) or None,
        "strategy_version": form.strategy_version.strip() or None,
        "min_deflated_sharpe": form.min_deflated_sharpe,
        "max_pbo": form.max_pbo,
        "source": "dashboard",
    }
    return {name: value for name, value in said.items() if value is not None}


def stated(form: Form) -> dict[str, Any] | None:
    """The regime that the form states, None where it states nothing.

    Raises:
        InvalidRegimeError: tags or features that contradict each other.
    """
    if not form.tags and not form.features:
        return None
    return Regime.stated(features=dict(form.features), tags=list(form.tags)).to_dict()


def link(form: Form) -> dict[str, Any]:
    """Parameters of the URL that open the form like this; fields at their defaults are left out."""
    plain = Form()
    found = {
        name: value
        for name, value in vars(form).items()
        if name != "features" and value != getattr(plain, name) and value not in ((), [], None)
    }
    if form.features and form.market == STATED:
        found |= {"features": list(form.features)}
        found |= {name: f"{value:g}" for name, value in form.features.items()}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}


def of_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the form that ask a recorded question again, as of now unless it said as of when.

    Args:
        event: `kb.event()`, structures read.
    """
    asked = event.get("question") or {}
    overrides = dict(asked.get("overrides") or {})
    if "max_overfit_gap" in overrides:
        overrides["max_overfit_gap"] = overrides["max_overfit_gap"] or NO_GAP
    oos = overrides.pop("require_oos", None)
    fields = {
        "strategy_name": event["strategy_name"],
        "objective_type": event["objective_type"],
        "market": RECORDED if event.get("regime") else ANY,
        "regime_of": event["request_id"] if event.get("regime") else "",
        "symbol": event.get("symbol") or "",
        "timeframe": asked.get("timeframe") or "",
        "as_of": shown_time(event.get("as_of")),
        "require_oos": {True: "yes", False: "no"}.get(oos, "default"),
        "strategy_version": asked.get("strategy_version") or "",
        "min_deflated_sharpe": asked.get("min_deflated_sharpe"),
        "max_pbo": asked.get("max_pbo"),
        **overrides,
    }
    return {**vars(Form()), "features": (), **fields}


def shown_time(at: Any) -> str:
    """A time as the form holds it: ISO 8601, "" without one."""
    if at is None:
        return ""
    return at if isinstance(at, str) else str(at.isoformat().replace("+00:00", "Z"))


def relaxed(filter_name: str, value: Any) -> dict[str, Any]:
    """The field that asks with a suggested value of a filter.

    Args:
        filter_name: as in a relaxation.
        value: its suggested value.
    """
    if filter_name == "require_oos":
        return {"require_oos": "yes" if value else "no"}
    if filter_name == "min_trades":
        return {"min_trades": int(value)}
    return {filter_name: list(value) if filter_name == "regime_tags" else widened(value)}


def defaults(spec: Mapping[str, Any] | None) -> dict[str, str]:
    """What holds for each filter that the form leaves open, and who says so.

    Args:
        spec: `StrategySpec.to_dict()`, None where the strategy has none.
    """
    floors = dict((spec or {}).get("floors") or {})
    return {
        name: f"{threshold(_plain(floors.get(name, value)))}"
        + (", the strategy's" if name in floors else ", by default")
        for name, value in vars(STRICT).items()
        if name != "unknown_passes"
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isinf(value) else value


def steps(feature: str) -> list[float]:
    """Values that the slider of a feature has, ascending."""
    info = FEATURE_INFO[feature]
    low, high = _USUAL.get(feature, info.believable or (info.low, info.high))
    if info.log_scaled:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [round(m * 10.0**d, 10) for d in decades for m in _DECADE]
        return [value for value in found if low * 0.999 <= value <= high * 1.001]
    step = _step(high - low)
    return [round(low + step * i, 6) for i in range(round((high - low) / step) + 1)]


def _step(width: float) -> float:
    """About a hundred steps, of a round size."""
    return next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if width / s <= 125)


def first_value(feature: str, tags: Sequence[str]) -> float:
    """Where the slider of a feature begins: what the stated tags imply, else an ordinary value."""
    values = steps(feature)
    implied = [Regime.stated(tags=[tag]).features.get(feature) for tag in tags]
    told = [value for value in implied if value is not None]
    wanted = told[-1] if told else _NEUTRAL.get(feature, values[len(values) // 2])
    return min(values, key=lambda value: abs(value - wanted))


def read_upload(name: str, content: bytes) -> tuple[pl.DataFrame, str, str]:
    """The bars of an uploaded file, and the symbol and timeframe that its name says ("" if none).

    Raises:
        InvalidOHLCVError: too large, neither CSV nor Parquet, or damaged.
    """
    path = PurePath(name)
    if len(content) > MOST_MB * 1_000_000:
        raise InvalidOHLCVError(
            f"the file has {len(content) / 1e6:.0f} MB, and {MOST_MB} MB are taken",
            field="ohlcv",
            remedy="upload the newest bars only: a regime is measured on the last few hundred",
        )
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise InvalidOHLCVError(
            f"{fmt.literal(path.name[:80])} is neither CSV nor Parquet",
            field="ohlcv",
            remedy="upload a .csv or .parquet file of bars",
        )
    try:
        frame = _frame(path.suffix.lower(), BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, OSError):
        raise InvalidOHLCVError(
            f"{fmt.literal(path.name[:80])} cannot be read",
            field="ohlcv",
            remedy="upload an intact file with the columns ts, open, high, low, close",
        ) from None
    if frame.height > MOST_BARS:
        raise InvalidOHLCVError(
            f"the file has more than {MOST_BARS:,} rows",
            field="ohlcv",
            remedy="upload the newest bars only: a regime is measured on the last few hundred",
        )
    symbol, timeframe = series_of(path.stem)
    return frame, symbol or "", timeframe or ""


def _frame(suffix: str, content: BytesIO) -> pl.DataFrame:
    """At most one row more than is taken: Parquet may unpack to a thousand times its size."""
    if suffix == ".csv":
        return pl.read_csv(content)
    return pl.scan_parquet(content).head(MOST_BARS + 1).collect()


def in_python(form: Form, workspace: str, file: str = "") -> str:
    """The same question as Python that can be pasted.

    Args:
        form: its fields.
        workspace: slug.
        file: name of the uploaded file.
    """
    said = question(form, workspace)
    left_out = ("workspace_id", "strategy_name", "source", "regime")
    rest = {name: value for name, value in said.items() if name not in left_out}
    lines = [repr(form.strategy_name)]
    lines += [f"workspace={workspace!r}"] if workspace != "default" else []
    lines += _market_in_python(form, workspace, file)
    lines += [f"{name}={fmt.literal(value)}" for name, value in rest.items()]
    called = "".join(f"    {line},\n" for line in lines)
    return f"import tradingkb\n\nkb = tradingkb.connect()\nkb.recommend(\n{called})"


def _market_in_python(form: Form, workspace: str, file: str) -> list[str]:
    if form.market == UPLOAD and file:
        return [f"ohlcv={file!r}"]
    if form.market == RECORDED:
        return [f'regime=kb.event({form.regime_of!r}, {workspace!r})["regime"]']
    if form.market != STATED or not (form.tags or form.features):
        return []
    tags, features = list(form.tags), dict(form.features)
    said = [f"tags={tags!r}"] if tags else []
    said += [f"features={features!r}"] if features else []
    return [f"regime=tradingkb.Regime.stated({', '.join(said)})"]
