from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.regime import Regime
from tradingkb.domain.trial import (
    as_utc,
    canonical_params,
    parse_params,
    point_id,
    regime_from_json,
    regime_to_json,
)
from tradingkb.exceptions import InvalidTrialError

#: What every database takes.
storable = st.characters(codec="utf-8", exclude_characters="\0")
plain_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(storable, max_size=5),
)
param_sets = st.dictionaries(st.text(storable, min_size=1, max_size=5), plain_values, max_size=5)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ({"n": 20.0}, '{"n":20}'),
        ({"n": -0.0}, '{"n":0}'),
        ({"n": 1e22}, '{"n":10000000000000000000000}'),
        ({"k": 0.1 + 0.2}, '{"k":0.30000000000000004}'),
        ({"f": True, "n": 1}, '{"f":true,"n":1}'),
        ({"m": None, "s": "é"}, '{"m":null,"s":"é"}'),
        ({"n": np.int64(3), "x": np.float64(2.5), "f": np.True_}, '{"f":true,"n":3,"x":2.5}'),
        ({"s": np.str_("a")}, '{"s":"a"}'),
    ],
)
def test_equal_parameters_have_one_text(params: dict[str, Any], text: str) -> None:
    assert canonical_params(params) == text


def test_integers_beyond_64_bits_are_read_as_the_floats_that_they_were() -> None:
    """Nothing that is read can fail to be sent; and what is written of it again is the same."""
    text = canonical_params({"n": 1e30, "m": 2**64 - 1})
    read = parse_params(text)
    assert read == {"n": 1e30, "m": 2**64 - 1}
    assert [type(read[name]) for name in "nm"] == [float, int]
    assert canonical_params(read) == text


def test_true_is_not_one() -> None:
    assert canonical_params({"a": True}) != canonical_params({"a": 1})


@given(param_sets, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter_and_the_text_reads_back_as_the_same_values(
    params: dict[str, Any], rng: Any
) -> None:
    items = list(params.items())
    rng.shuffle(items)
    text = canonical_params(dict(items))
    assert text == canonical_params(params)
    assert parse_params(text) == params
    assert canonical_params(parse_params(text)) == text


@given(st.integers(-(2**70), 2**70))
def test_a_whole_float_and_its_integer_have_the_same_text(n: int) -> None:
    assert canonical_params({"n": float(n)}) == canonical_params({"n": int(float(n))})


@pytest.mark.parametrize(
    "params",
    [
        None,
        5,
        "text",
        ["a"],
        {"a": math.nan},
        {"a": math.inf},
        {"a": {"b": 1}},
        {"a": [1]},
        {"a": np.array([1])},
        {"a": np.array([1, 2])},
        {"a": np.float64("nan")},
        {"a": 10**400},
        {"a": 10**5000},
        {"a": datetime(2020, 1, 1, tzinfo=UTC)},
        {"a": "\ud800"},
        {"a": "x\0y"},
        {"\ud800": 1},
        {"": 1},
        {1: 2},
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_but_a_flat_mapping_of_finite_values_is_refused(params: Any) -> None:
    with pytest.raises(InvalidTrialError) as caught:
        canonical_params(params)
    assert caught.value.field == "params"


def test_a_point_id_is_a_uuid5_of_the_identity_and_never_changes() -> None:
    found = point_id("w", "import", "1")
    assert found == "ea91223c-0936-5f1a-b42b-f16b7e35824a"
    assert uuid.UUID(found).version == 5


@given(st.lists(st.tuples(*[st.text(max_size=3)] * 3), min_size=2, max_size=2, unique=True))
def test_different_identities_have_different_points(pair: list[tuple[str, str, str]]) -> None:
    assert point_id(*pair[0]) != point_id(*pair[1])


def test_naive_times_are_utc_and_others_are_converted() -> None:
    noon = datetime(2024, 1, 31, 12, tzinfo=UTC)
    assert as_utc(datetime(2024, 1, 31, 12)) == noon
    tokyo = datetime(2024, 1, 31, 21, tzinfo=timezone(timedelta(hours=9)))
    assert as_utc(tokyo) == noon
    assert as_utc(tokyo).tzinfo is UTC


def test_a_regime_survives_its_json_text_and_equal_regimes_have_equal_texts() -> None:
    regime = Regime.measured({"rsi": 60.0, "atr_pct": 0.02}, symbol="IBM")
    other = Regime.measured({"atr_pct": 0.02, "rsi": 60.0}, symbol="IBM")
    assert regime_from_json(regime_to_json(regime)) == regime
    assert regime_to_json(regime) == regime_to_json(other)
    assert json.loads(regime_to_json(regime))["symbol"] == "IBM"
