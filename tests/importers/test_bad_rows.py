from __future__ import annotations

import math
from datetime import date, datetime, time
from typing import Any

import pytest

ROW = 2

#: change, field at fault, part of the message, part of the remedy
BAD: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a drawdown in percent": (
        {"max_drawdown_frac_oos": 25.0},
        "max_drawdown_frac_oos",
        "25.0 is not between 0 and 1",
        "25 % is 0.25",
    ),
    "a negative drawdown": (
        {"max_drawdown_frac_oos": -0.1},
        "max_drawdown_frac_oos",
        "-0.1 is not between 0 and 1",
        "positive fractions",
    ),
    "a win rate in percent": ({"win_rate_is": 55.0}, "win_rate_is", "55.0 is not", "55 % is 0.55"),
    "a negative profit factor": (
        {"profit_factor_is": -1.0},
        "profit_factor_is",
        "-1.0 is not at least 0",
        "gross",
    ),
    "an infinitely negative profit factor": (
        {"profit_factor_oos": -math.inf},
        "profit_factor_oos",
        "-inf is not at least 0",
        "gross",
    ),
    "infinite costs": ({"cost_bps": math.inf}, "cost_bps", "is infinite", "use null"),
    "half a trade": ({"n_trades_oos": 2.5}, "n_trades_oos", "2.5 is not a whole number", "whole"),
    "negative trades": ({"n_trades_oos": -1}, "n_trades_oos", "-1.0 is not a whole number", "0 or"),
    "more trades than a column holds": ({"n_trades_oos": 1e300}, "n_trades_oos", "1e+300", "whole"),
    "a text for a number": ({"sharpe_oos": "high"}, "sharpe_oos", "'high' is no number", "number"),
    "a comma for a point": ({"sharpe_oos": "1,5"}, "sharpe_oos", "'1,5' is no number", "number"),
    "a boolean for a number": ({"sharpe_oos": True}, "sharpe_oos", "Boolean is no number", "numb"),
    "reversed in-sample dates": (
        {"is_start": "2022-01-01", "is_end": "2020-01-01"},
        "is_end",
        "2020-01-01 00:00 is not after is_start 2022-01-01 00:00",
        "half-open",
    ),
    "an empty window": ({"oos_end": "2022-01-01"}, "oos_end", "is not after oos_start", "half"),
    "overlapping windows": (
        {"oos_start": "2021-12-31"},
        "oos_start",
        "inside the in-sample window",
        "must not overlap",
    ),
    "known before its end": ({"known_at": "2022-06-30"}, "known_at", "before the end", "window"),
    "an epoch for a date": ({"is_start": 1577836800}, "is_start", "Int64 is no time", "ISO 8601"),
    "an epoch in milliseconds as text": (
        {"is_start": "1712010112345"},
        "is_start",
        "'1712010112345' is no time",
        "ISO 8601",
    ),
    "no date": ({"is_start": "yesterday"}, "is_start", "'yesterday' is no time", "ISO 8601"),
    "a date that does not exist": ({"is_start": "2021-02-30"}, "is_start", "is no time", "ISO"),
    "a date before the calendar": (
        {"is_start": "0001-01-01T00:00:00+05:00"},
        "is_start",
        "is no time",
        "ISO",
    ),
    "an unknown objective": (
        {"objective_type": "sharp"},
        "objective_type",
        "'sharp' is not known",
        "use one of sharpe",
    ),
    "an unknown status": ({"kb_status": "good"}, "kb_status", "'good' is not", "candidate"),
    "an unknown experiment type": ({"experiment_type": "x"}, "experiment_type", "'x'", "sweep"),
    "no strategy": ({"strategy_name": None}, "strategy_name", "is missing", "map it"),
    "an empty strategy": ({"strategy_name": "  "}, "strategy_name", "is missing", "map it"),
    "a list for a text": ({"symbol": ["IBM"]}, "symbol", "is no plain text", "text"),
    "a time for a text": ({"symbol": time(1)}, "symbol", "is no plain text", "text"),
    "a NUL in a text": ({"symbol": "I\0M"}, "symbol", "NUL", "remove"),
    "too long an id": ({"source_id": "x" * 256}, "source_id", "longer than 255", "shorten"),
    "too long a timeframe": ({"timeframe": "x" * 17}, "timeframe", "longer than 16", "shorten"),
    "too long a name": ({"strategy_name": "x" * 129}, "strategy_name", "than 128", "shorten"),
    "no parameters": ({"params": None}, "params", "params are missing", "flat mapping"),
    "parameters that are a list": ({"params": "[1]"}, "params", "must be a mapping", "flat"),
    "parameters that are a number": ({"params": "5"}, "params", "must be a mapping", "flat"),
    "parameters that are no JSON": ({"params": "fast=3"}, "params", "are no JSON", "flat"),
    "empty parameters": ({"params": "{}"}, "params", "params are empty", "flat"),
    "nested parameters": ({"params": '{"a":{"b":1}}'}, "params", "parameter a", "flat"),
    "NaN in parameters": ({"params": '{"a":NaN}'}, "params", "parameter a = nan", "flat"),
    "infinity in parameters": ({"params": '{"a":1e999}'}, "params", "parameter a = inf", "flat"),
    "a parameter given twice": ({"params": '{"a":1,"a":2}'}, "params", "a is given twice", "flat"),
    "a NUL in parameters": ({"params": '{"a":"x\\u0000y"}'}, "params", "parameter a", "flat"),
    "half a surrogate pair": ({"params": '{"a":"\\ud800"}'}, "params", "parameter a", "flat"),
    "an enormous number": ({"params": '{"a":' + "1" * 5000 + "}"}, "params", "params", "flat"),
    "a thousand brackets": ({"params": "[" * 100_000}, "params", "params", "flat"),
    "a regime that is none": ({"regime_is": "{}"}, "regime_is", "cannot be read", "to_dict"),
    "a regime that is no JSON": ({"regime_oos": "calm"}, "regime_oos", "cannot", "to_dict"),
    "no score": (
        {"sharpe_is": None, "sharpe_oos": None},
        "objective_score",
        "no value of sharpe can be computed",
        "map sharpe_oos",
    ),
}

#: What the other rows of the column hold where its type would otherwise not allow the change.
COMPANIONS: dict[str, Any] = {
    "a text for a number": {"sharpe_oos": "0.75"},
    "a comma for a point": {"sharpe_oos": "0.75"},
    "half a trade": {"n_trades_oos": 12.0},
    "more trades than a column holds": {"n_trades_oos": 12.0},
    "a boolean for a number": {"sharpe_oos": None},
    "an epoch for a date": {"is_start": None},
    "a list for a text": {"symbol": None},
    "a time for a text": {"symbol": None},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_with_field_message_and_remedy_and_the_good_rows_come_out(
    read: Any, name: str
) -> None:
    change, field, message, remedy = BAD[name]
    others = {**dict.fromkeys(set(change) - {"source_id"}), **plain(change)}
    others |= COMPANIONS.get(name, {})
    batch = read(others, change, others | {"params": '{"fast":9}'})
    assert batch.trials["__row__"].to_list() == [1, 3]
    assert batch.rejects["row"].unique().to_list() == [ROW]
    found = {row["field"]: row for row in batch.rejects.to_dicts()}
    assert message in found[field]["message"]
    assert remedy in found[field]["remedy"]


def plain(change: dict[str, Any]) -> dict[str, Any]:
    """Good values of the columns that a change touches and that a trial cannot do without."""
    needed = {
        "strategy_name": "sma_cross",
        "params": '{"fast":20}',
        "sharpe_is": 1.5,
        "sharpe_oos": 0.75,
        "is_start": "2020-01-01",
        "is_end": "2022-01-01",
        "oos_start": "2022-01-01",
        "oos_end": "2022-07-01",
    }
    return {name: value for name, value in needed.items() if name in change}


def test_nan_is_taken_as_missing_and_counted(read: Any) -> None:
    batch = read({"sharpe_is": math.nan}, {"sharpe_is": math.nan}, {"sharpe_is": 1.0})
    assert batch.rejects.is_empty()
    assert batch.trials["sharpe_is"].to_list() == [None, None, 1.0]
    assert "2 NaN in sharpe_is taken as missing" in batch.notes


@pytest.mark.parametrize("text", ["", "  ", "null", "None", "nan", "NaN"])
def test_the_usual_texts_for_nothing_are_missing_numbers(read: Any, text: str) -> None:
    batch = read({"sharpe_is": text})
    assert batch.rejects.is_empty()
    assert batch.trials["sharpe_is"].to_list() == [None]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_bounds_of_a_fraction_are_allowed(read: Any, value: float) -> None:
    assert read({"max_drawdown_frac_oos": value, "win_rate_oos": value}).rejects.is_empty()


@pytest.mark.parametrize(
    "value",
    ["2020-01-01", "2020-01-01T00:00:00Z", "2020-01-01 00:00", "20200101", date(2020, 1, 1)],
)
def test_iso_times_and_dates_are_read_as_utc(read: Any, value: Any) -> None:
    found = read({"is_start": value}).trials["is_start"].to_list()
    assert [t.replace(tzinfo=None) for t in found] == [datetime(2020, 1, 1)]


def test_windows_that_touch_do_not_overlap(read: Any) -> None:
    assert read({"is_end": "2022-01-01", "oos_start": "2022-01-01"}).rejects.is_empty()


def test_an_id_of_exactly_255_characters_is_allowed(read: Any) -> None:
    assert read({"source_id": "é" * 255}).rejects.is_empty()
