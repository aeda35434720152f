"""A trial: one backtest of one parameter set on one market window, and its identity."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tradingkb.domain.regime import Regime
from tradingkb.domain.strategy import Params, ParamValue
from tradingkb.exceptions import InvalidTrialError

#: Namespace of point ids: the same trial has the same point in every collection and on every
#: machine. Changing it would orphan every point that was ever written.
POINT_NAMESPACE: Final = uuid.UUID("6f6a3a5e-9d0b-5c53-9a0e-3f2f8f0c7b11")

EXPERIMENT_TYPES: Final = ("tune", "sweep", "ablation", "manual")
METRICS: Final = (
    "sharpe", "return_frac", "max_drawdown_frac", "n_trades", "win_rate", "profit_factor",
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One backtest. Units: fractions (0.25 = 25 %), annualised Sharpe, UTC times.

    Only `strategy_name`, `params` and one score (a metric or `objective_score`) are needed;
    everything else is None when the source does not know it. Naive times are read as UTC.
    `is_*` and `oos_*` windows are half-open, [start, end).
    """

    strategy_name: str
    params: Params
    source_id: str | None = None
    source_type: str = "import"
    experiment_type: str = "tune"
    strategy_version: str | None = None
    objective_type: str = "sharpe"
    objective_score: float | None = None
    symbol: str | None = None
    timeframe: str | None = None
    is_start: datetime | None = None
    is_end: datetime | None = None
    oos_start: datetime | None = None
    oos_end: datetime | None = None
    known_at: datetime | None = None
    sharpe_is: float | None = None
    sharpe_oos: float | None = None
    return_frac_is: float | None = None
    return_frac_oos: float | None = None
    max_drawdown_frac_is: float | None = None
    max_drawdown_frac_oos: float | None = None
    n_trades_is: int | None = None
    n_trades_oos: int | None = None
    win_rate_is: float | None = None
    win_rate_oos: float | None = None
    profit_factor_is: float | None = None
    profit_factor_oos: float | None = None
    regime_is: Regime | None = None
    regime_oos: Regime | None = None
    engine: str | None = None
    cost_bps: float | None = None
    kb_status: str = "candidate"
    created_at: datetime | None = None


def canonical_params(params: Any) -> str:
    """Parameters as JSON text that is equal exactly when the parameters are.

    Keys are sorted; 20.0 is written as 20, -0.0 as 0, other floats in their shortest exact form;
    True stays apart from 1.

    Raises:
        InvalidTrialError: not a mapping from names to numbers, texts, booleans or None.
    """
    if not isinstance(params, Mapping):
        raise InvalidTrialError(
            f"params must be a mapping of names to values, got {type(params).__name__}",
            field="params", remedy='give a dict, a JSON object text, or param_* columns',
        )  # fmt: skip
    items = {_name(k): _canonical_value(k, v) for k, v in params.items()}
    return json.dumps(items, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _name(key: Any) -> str:
    if not isinstance(key, str) or not key:
        raise InvalidTrialError(f"parameter name {key!r} is not a text", field="params")
    return key


def _canonical_value(name: str, value: Any) -> ParamValue:
    if value is None or isinstance(value, bool | str):
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value == int(value) and abs(value) < 2**53 else value
    raise InvalidTrialError(
        f"parameter {name} = {value!r} is neither a finite number, a text, a boolean nor null",
        field="params", remedy="flatten nested values and drop NaN and infinity",
    )  # fmt: skip


def parse_params(text: str) -> dict[str, ParamValue]:
    """Reads what `canonical_params` wrote."""
    values: dict[str, ParamValue] = json.loads(text)
    return values


def digest(parts: Iterable[str]) -> str:
    """SHA-256 over texts, each with its length before it so that no two lists share a form."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode()
        h.update(f"{len(data)}:".encode())
        h.update(data)
    return h.hexdigest()


def point_id(workspace_id: str, source_type: str, source_id: str) -> str:
    """UUIDv5 of a trial's identity: (workspace_id, source_type, source_id)."""
    identity = json.dumps([workspace_id, source_type, source_id], ensure_ascii=False)
    return str(uuid.uuid5(POINT_NAMESPACE, identity))


def as_utc(value: datetime) -> datetime:
    """An aware UTC time; a naive one is taken as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def regime_to_json(regime: Regime) -> str:
    """A regime as canonical JSON text: equal regimes have equal texts."""
    return json.dumps(regime.to_dict(), sort_keys=True, separators=(",", ":"))


def regime_from_json(text: str) -> Regime:
    """Reads what `regime_to_json` wrote.

    Raises:
        InvalidRegimeError: the text is no regime.
    """
    return Regime.from_dict(json.loads(text))
