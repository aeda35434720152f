"""Frames come out of JSON as they went in."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tradingkb.client.tables import frame_of, with_same_texts, without_machines_in
from tradingkb.plain import COLUMN_TYPES, columns_of, plain_rows

AT = datetime(2026, 11, 28, 4, 20, 54, 138452, UTC)
VALUES = {
    "text": ["", 'a "b" | <c> ünï \n'],
    "boolean": [True, False],
    "time": [AT, datetime(1970, 1, 1, tzinfo=UTC)],
    "date": [date(2026, 11, 28), date(1, 1, 1)],
    "null": [None, None],
    "float64": [0.1, 1e-300],
    "float32": [0.5, -2.0],
    "int64": [2**63 - 1, -(2**63)],
    "int32": [2**31 - 1, -(2**31)],
    "int16": [2**15 - 1, -(2**15)],
    "int8": [127, -128],
    "uint64": [2**64 - 1, 0],
    "uint32": [2**32 - 1, 0],
    "uint16": [2**16 - 1, 0],
    "uint8": [255, 0],
}


def sent(frame: pl.DataFrame) -> pl.DataFrame:
    return frame_of(columns_of(frame), json.loads(json.dumps(plain_rows(frame))))


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_every_type_comes_back_with_values_without_and_empty(name: str) -> None:
    full = pl.DataFrame({"c": pl.Series([*VALUES[name], None], dtype=COLUMN_TYPES[name])})
    for frame in (full, full.head(0), full.tail(1)):
        assert_frame_equal(sent(frame), frame, check_exact=True)


def test_what_is_not_finite_is_nothing() -> None:
    frame = pl.DataFrame({"c": [math.nan, math.inf, 1.0]})
    assert sent(frame)["c"].to_list() == [None, None, 1.0]


def test_a_column_that_has_no_form_is_refused_where_it_is_sent() -> None:
    for values in ([[1]], [timedelta(1)], [datetime(2026, 1, 1)]):
        with pytest.raises(TypeError, match="'c'"):
            columns_of(pl.DataFrame({"c": values}))


def test_structures_are_written_one_way() -> None:
    frame = pl.DataFrame({"params": ['{"b": 1e-07, "a": "\\u00fc"}', None], "note": ["[1]", None]})
    assert with_same_texts(frame)["params"].to_list() == ['{"b":1e-07,"a":"ü"}', None]
    assert with_same_texts(frame)["note"].to_list() == ["[1]", None]
    assert columns_of(frame) == {"params": "json", "note": "text"}


def test_no_text_names_a_machine_inside_a_structure_either() -> None:
    facts = json.dumps({"path": "/home/me/store/kb.db", "n": 3, "list": ["http://u:p@host/x"]})
    frame = pl.DataFrame({"facts": [facts, None], "error": ["no route to 10.0.0.1:5432", None]})
    shown = without_machines_in(frame)
    assert json.loads(shown["facts"][0]) == {"path": "<path>", "n": 3, "list": ["<url>"]}
    assert shown["error"].to_list() == ["no route to <host>", None]
    assert shown.schema == frame.schema


def test_a_time_of_another_zone_is_sent_in_utc_only() -> None:
    zone = pl.DataFrame({"c": [AT.astimezone(timezone(timedelta(hours=1)))]})
    assert zone.schema["c"] == pl.Datetime("us", "UTC")
    assert_frame_equal(sent(zone), zone)
