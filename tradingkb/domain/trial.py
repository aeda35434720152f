"""A trial: one backtest of one parameter set on one market window, and its identity."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from json.encoder import encode_basestring as _json
from typing import Any, Final

import numpy as np

from tradingkb.domain.param_spec import fits_64_bits
from tradingkb.domain.regime import Regime
from tradingkb.domain.strategy import Params, ParamValue
from tradingkb.exceptions import InvalidTrialError

#: Namespace of point ids: the same trial has the same point in every collection and on every
#: machine. Changing it would orphan every point that was ever written.
POINT_NAMESPACE: Final = uuid.UUID("6f6a3a5e-9d0b-5c53-9a0e-3f2f8f0c7b11")

_NAMESPACE: Final = POINT_NAMESPACE.bytes

#: No float has an integer of so many digits.
_MOST_DIGITS: Final = 400

EXPERIMENT_TYPES: Final = ("tune", "sweep", "ablation", "manual")
METRICS: Final = (
    "sharpe",
    "return_frac",
    "max_drawdown_frac",
    "n_trades",
    "win_rate",
    "profit_factor",
)


@dataclass(frozen=True)
class Trial:
    """One backtest. Units: fractions (0.25 = 25 %), annualised Sharpe, UTC times.

    Only `strategy_name`, `params` and one score (a metric or `objective_score`) are needed;
    everything else is None when the source does not know it. Naive times are read as UTC.
    `is_*` and `oos_*` windows are half-open, [start, end); `_is` is in-sample, `_oos`
    out-of-sample.

    Attributes:
        strategy_name: which strategy.
        params: the parameters by name; as a table also one column `param_<name>` each.
        source_id: identity of the trial in its source; with `source_type` and the workspace it is
            the trial's identity here. Derived from what defines the experiment (strategy, version,
            parameters, window, engine, costs, objective) where the source has none.
        source_type: where it comes from; ids of two sources never collide.
        experiment_type: why it was run.
        strategy_version: evidence is pooled within one version; a trial that names none counts
            for any.
        objective_type: what `objective_score` is a score of.
        objective_score: that score; computed from the metrics where it is not given, out-of-sample
            ones first.
        objective_sample: of which sample that score is: is or oos. Where it is not said, it is
            out-of-sample only where the trial has no in-sample part, or where it equals the
            out-of-sample metric.
        symbol: the instrument.
        timeframe: length of a bar, such as 5m, 1h or 1d; other spellings are understood.
        is_start, is_end: the in-sample window, [start, end).
        oos_start, oos_end: the out-of-sample window; it must not overlap the in-sample one.
        known_at: when the result became knowable, what `as_of` looks at; else the end of the last
            window, else `created_at`, else the time of the ingest.
        sharpe_is, sharpe_oos: Sharpe ratio, annualised.
        return_frac_is, return_frac_oos: total return of the sample, a fraction (0.25 is 25 %).
        max_drawdown_frac_is, max_drawdown_frac_oos: largest fall from a peak of equity, a positive
            fraction.
        n_trades_is, n_trades_oos: number of trades.
        win_rate_is, win_rate_oos: winning trades over all trades, a fraction.
        profit_factor_is, profit_factor_oos: gross profit over gross loss.
        regime_is, regime_oos: regime of the market in that window; measured once per window where
            an ingest is given prices.
        engine: what ran the backtest, with its version.
        cost_bps: assumed costs in basis points a side; an answer warns when it pools different
            ones.
        kb_status: candidate, promoted or rejected. It is taken when a trial first comes in;
            later changes are made by `promote` and `reject`.
        created_at: when the trial was made; else `known_at`. Newer ones win ties.
    """

    strategy_name: str
    params: Params
    source_id: str | None = None
    source_type: str = "import"
    experiment_type: str = "tune"
    strategy_version: str | None = None
    objective_type: str = "sharpe"
    objective_score: float | None = None
    objective_sample: str | None = None
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

    Keys are sorted; whole floats are written as integers (20.0 as 20, -0.0 as 0), others in their
    shortest exact form; True stays apart from 1.

    Raises:
        InvalidTrialError: not a mapping from names to numbers, texts, booleans or None.
    """
    if not isinstance(params, Mapping):
        raise InvalidTrialError(
            f"params must be a mapping of names to values, got {type(params).__name__}",
            field="params",
            remedy="give a dict, a JSON object text, or param_* columns",
        )
    items: dict[str, ParamValue] = {}
    for name, value in params.items():
        items[_name(name)] = plain_value(name, value)
    return json.dumps(items, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _name(key: Any) -> str:
    if not isinstance(key, str) or not key or not _is_unicode(key):
        raise InvalidTrialError(f"parameter name {key!r} is not a text", field="params")
    return key


def plain_value(name: str, value: Any) -> ParamValue:
    """A parameter's value in plain types: 20.0 and a decimal of 20 are 20, True is not 1.

    Raises:
        InvalidTrialError: neither a finite number, a text, a boolean nor None.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal) and value.is_finite():
        whole = value == value.to_integral_value() and value.adjusted() < _MOST_DIGITS
        value = int(value) if whole else float(value)
    if value is None or isinstance(value, bool) or (isinstance(value, str) and _is_unicode(value)):
        return value
    if isinstance(value, int | float) and _is_finite(value):
        return int(value) if value == int(value) else value
    raise InvalidTrialError(
        f"parameter {name} = {_short(value)} is neither a finite number, text, boolean nor null",
        field="params",
        remedy="flatten nested values and drop NaN and infinity",
    )


def _is_finite(value: float) -> bool:
    """Whether a number has a float: an integer of 400 digits has none."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_unicode(text: str) -> bool:
    r"""Whether any database can store a text: JSON may hold a NUL, or half a surrogate pair."""
    if "\0" in text:  # SQLite and JSON text take it, PostgreSQL's structures do not
        return False
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def _short(value: Any) -> str:
    try:
        return repr(value)[:60]
    except ValueError:  # Python does not write integers of more than 4,300 digits
        return "an enormous number"


def parse_params(text: str) -> dict[str, ParamValue]:
    """Reads what `canonical_params` wrote; integers beyond 64 bits are the floats they were."""
    values: dict[str, ParamValue] = json.loads(text, parse_int=_whole_number)
    return values


def _whole_number(digits: str) -> ParamValue:
    number = int(digits)
    return number if fits_64_bits(number) else float(number)


def point_id(workspace_id: str, source_type: str, source_id: str) -> str:
    """UUIDv5 of a trial's identity: (workspace_id, source_type, source_id)."""
    identity = f"[{_json(workspace_id)}, {_json(source_type)}, {_json(source_id)}]"
    # json.dumps and uuid.uuid5 without the objects they make: there are as many ids as trials.
    digest = bytearray(_sha1(_NAMESPACE + identity.encode()))
    digest[6] = digest[6] & 0x0F | 0x50  # version 5
    digest[8] = digest[8] & 0x3F | 0x80  # the variant of RFC 9562
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()[:16]


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
