"""Content hashes: equal for every spelling of a trial, different for every change of one."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tradingkb.domain.param_reading import read_set
from tradingkb.domain.regime import REGIME_SCHEMA_VERSION, Regime
from tradingkb.domain.trial import Trial, canonical_params, regime_to_json
from tradingkb.importers.frames import read_trials
from tradingkb.indexing.plan import Recipe, content_hashes

#: After every time below: a result cannot be known before its window has ended.
NOW = datetime(2200, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RECIPE = Recipe("regime-v1", "regime-v1/scaler-1", "kb_regime_v1_v1")
Row = dict[str, Any]

#: The documented form of a row: these columns, in this order.
TEXTS = [
    "source_type",
    "source_id",
    "experiment_type",
    "strategy_name",
    "strategy_version",
    "params",
    "objective_type",
    "symbol",
    "timeframe",
    "engine",
]
NUMBERS = [
    "objective_score",
    "sharpe_is",
    "sharpe_oos",
    "return_frac_is",
    "return_frac_oos",
    "max_drawdown_frac_is",
    "max_drawdown_frac_oos",
    "n_trades_is",
    "n_trades_oos",
    "win_rate_is",
    "win_rate_oos",
    "profit_factor_is",
    "profit_factor_oos",
    "cost_bps",
]
TIMES = ["is_start", "is_end", "oos_start", "oos_end", "known_at", "created_at"]
REGIMES = ["regime_is", "regime_oos"]
WINDOW = ["symbol", "timeframe", "is_start", "is_end", "oos_start", "oos_end"]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def spelled_out(value: Any) -> str:
    """A value with its length before it: floats by their bits, times in microseconds."""
    if value is None:
        return "-"
    if isinstance(value, float):
        value = struct.unpack("<q", struct.pack("<d", value or 0.0))[0]
    if isinstance(value, datetime):
        value = (value - EPOCH) // timedelta(microseconds=1)
    return f"{len(str(value).encode())}:{value}"


def reference(row: Row, recipe: Recipe = RECIPE) -> str:
    """The content hash of a complete canonical row, by the documented form."""
    columns = [*TEXTS, *NUMBERS, *TIMES, *REGIMES]
    content = sha(",".join(spelled_out(row[name]) for name in columns))
    regimes = sha("\n".join(row[name] or "-" for name in REGIMES))
    suffix = [recipe.model, recipe.pipeline, recipe.collection, str(REGIME_SCHEMA_VERSION)]
    return sha("|".join([content, row["kb_status"], regimes, *suffix]))


def hashes(trials: Any, recipe: Recipe = RECIPE) -> dict[str, str]:
    """Content hash per source_id, through the importer."""
    batch = read_trials(trials, now=NOW)
    assert batch.rejects.to_dicts() == []
    found = content_hashes(batch.trials, recipe)
    return dict(zip(batch.trials["source_id"], found, strict=True))


def frame_of(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: kind_of(name) for name in rows[0]}, strict=True)


def kind_of(name: str) -> Any:
    if name.startswith("n_trades"):
        return pl.Int64
    if name in NUMBERS:
        return pl.Float64
    return pl.Datetime("us", "UTC") if name in TIMES else pl.String


# --- trials ------------------------------------------------------------------------------------

fractions = st.floats(0.0, 1.0) | st.sampled_from([0.1, -0.0, 5e-324, 1 / 3])
ratios = st.floats(-1e6, 1e6) | st.sampled_from([1.0, -0.0, 0.1 + 0.2, 1e-300, 123456789.0])
times = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
words = st.sampled_from(["IBM", "BRK.B", "é", "e\u0301", 'a"b', "a,b", "x|y", "1d", "1:2"])
param_values = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | ratios | words
param_sets = st.dictionaries(
    st.sampled_from(["fast", "slow", "é", "a_b"]), param_values, min_size=1
)
a_regime = st.builds(
    lambda rsi, vol: regime_to_json(Regime.measured({"rsi": rsi, "volatility_annual": vol})),
    st.floats(0, 100),
    st.floats(0.01, 2.0),
)


def dates(moments: list[datetime]) -> Row:
    is_start, is_end, oos_start, oos_end, known_at, created_at = sorted(moments)
    return {
        "is_start": is_start,
        "is_end": is_end,
        "oos_start": oos_start,
        "oos_end": oos_end,
        "known_at": known_at,
        "created_at": created_at,
    }


canonical_rows = st.fixed_dictionaries(
    {
        "source_type": st.sampled_from(["import", "optuna"]),
        "experiment_type": st.sampled_from(["tune", "sweep"]),
        "strategy_name": words,
        "strategy_version": st.none() | words,
        # Rounding errors of a few additions are no part of a parameter: 0.1 + 0.2 is 0.3.
        "params": param_sets.map(lambda given: canonical_params(read_set(given, None)[0])),
        "objective_type": st.sampled_from(["sharpe", "calmar"]),
        "objective_score": ratios,
        "symbol": st.none() | words,
        "timeframe": st.none() | st.sampled_from(["1d", "1h"]),
        "engine": st.none() | words,
        "kb_status": st.sampled_from(["candidate", "promoted"]),
        "cost_bps": st.none() | st.floats(0.0, 50.0),
        **{f"sharpe_{s}": st.none() | ratios for s in ("is", "oos")},
        **{f"return_frac_{s}": st.none() | ratios for s in ("is", "oos")},
        **{f"max_drawdown_frac_{s}": st.none() | fractions for s in ("is", "oos")},
        **{f"n_trades_{s}": st.none() | st.integers(0, 10**6) for s in ("is", "oos")},
        **{f"win_rate_{s}": st.none() | fractions for s in ("is", "oos")},
        **{f"profit_factor_{s}": st.none() | st.floats(0.0, 9.0) for s in ("is", "oos")},
        "regime_is": st.none() | a_regime,
        "regime_oos": st.none() | a_regime,
        "dates": st.lists(times, min_size=6, max_size=6, unique=True).map(dates),
    }
).map(lambda row: {**{k: v for k, v in row.items() if k != "dates"}, **row["dates"]})


def as_one_sweep(rows: list[Row]) -> list[Row]:
    """Rows with ids of their own; those of one window have one regime, as in the store."""
    first: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        first.setdefault(tuple(row[name] for name in WINDOW), row)
    return [
        {**row, "source_id": f"t{i}", **{name: first[window][name] for name in REGIMES}}
        for i, row in enumerate(rows)
        for window in [tuple(row[name] for name in WINDOW)]
    ]


#: A table is read at nearly one cost however many rows it has: more of them in fewer tables.
many_rows = st.lists(canonical_rows, min_size=8, max_size=12)
sweeps = (many_rows | st.lists(canonical_rows, min_size=1, max_size=2)).map(as_one_sweep)

#: One value of each column, and another one.
COMPLETE: Row = {
    "source_type": "optuna",
    "source_id": "study-1",
    "experiment_type": "sweep",
    "strategy_name": "sma_cross",
    "strategy_version": "2",
    "params": '{"fast":20,"slow":0.5}',
    "objective_type": "calmar",
    "objective_score": 0.1,
    "symbol": "IBM",
    "timeframe": "1d",
    "is_start": datetime(2020, 1, 1, tzinfo=UTC),
    "is_end": datetime(2021, 1, 1, tzinfo=UTC),
    "oos_start": datetime(2021, 1, 1, tzinfo=UTC),
    "oos_end": datetime(2021, 7, 1, tzinfo=UTC),
    "known_at": datetime(2021, 7, 2, tzinfo=UTC),
    "created_at": datetime(2021, 7, 3, tzinfo=UTC),
    "sharpe_is": 1.5,
    "sharpe_oos": -0.0,
    "return_frac_is": 1 / 3,
    "return_frac_oos": -0.0625,
    "max_drawdown_frac_is": 0.0,
    "max_drawdown_frac_oos": 1.0,
    "n_trades_is": 40,
    "n_trades_oos": 0,
    "win_rate_is": 0.0,
    "win_rate_oos": 1.0,
    "profit_factor_is": 1.25,
    "profit_factor_oos": 5e-324,
    "engine": "vectorbt",
    "cost_bps": 5.0,
    "kb_status": "promoted",
    "regime_is": regime_to_json(Regime.measured({"rsi": 60.0, "atr_pct": 0.02})),
    "regime_oos": None,
}
CHANGES: Row = {
    "source_type": "import",
    "source_id": "study-2",
    "experiment_type": "tune",
    "strategy_name": "Sma_cross",
    "strategy_version": None,
    "params": '{"fast":20,"slow":"0.5"}',
    "objective_type": "sharpe",
    "objective_score": 0.1 + 2**-56,
    "symbol": "ibm",
    "timeframe": "1h",
    "is_start": datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "is_end": datetime(2020, 12, 31, tzinfo=UTC),
    "oos_start": datetime(2021, 1, 2, tzinfo=UTC),
    "oos_end": datetime(2021, 6, 30, tzinfo=UTC),
    "known_at": datetime(2021, 7, 1, tzinfo=UTC),
    "created_at": datetime(2021, 7, 2, tzinfo=UTC),
    "sharpe_is": -1.5,
    "sharpe_oos": None,
    "return_frac_is": 0.333,
    "return_frac_oos": 0.0625,
    "max_drawdown_frac_is": None,
    "max_drawdown_frac_oos": 1.0 - 2**-53,
    "n_trades_is": 41,
    "n_trades_oos": None,
    "win_rate_is": 5e-324,
    "win_rate_oos": 0.99,
    "profit_factor_is": 1.26,
    "profit_factor_oos": 0.0,
    "engine": "Vectorbt",
    "cost_bps": 5.000000000000001,
    "kb_status": "candidate",
    "regime_is": None,
    "regime_oos": regime_to_json(Regime.measured({"rsi": 60.0, "atr_pct": 0.02})),
}


# --- equal -------------------------------------------------------------------------------------

several = settings(max_examples=8, suppress_health_check=list(HealthCheck))


@given(sweeps)
@several
def test_a_content_hash_is_that_of_the_documented_form(rows: list[Row]) -> None:
    assert hashes(frame_of(rows)) == {row["source_id"]: reference(row) for row in rows}


@given(sweeps, st.randoms(use_true_random=False))
@several
def test_order_of_rows_and_columns_splits_and_repeats_change_no_hash(
    rows: list[Row], rng: random.Random
) -> None:
    frame = frame_of(rows)
    expected = hashes(frame)
    columns, order = frame.columns, list(range(len(rows)))
    rng.shuffle(columns)
    rng.shuffle(order)
    assert hashes(frame.select(columns)[order + order[:1]]) == expected
    cut = rng.randint(0, len(rows))
    parts = [part for part in (frame[:cut], frame[cut:]) if part.height]
    assert {k: v for part in parts for k, v in hashes(part).items()} == expected


def in_zone(value: datetime, hours: int) -> str:
    return value.astimezone(timezone(timedelta(hours=hours))).isoformat()


def number_text(value: float, rng: random.Random) -> str:
    """One of the spellings of the same float."""
    spellings = [repr(value), f"{value:.17e}", f"{value:.20g}", f"  {value!r} ".replace("e", "E")]
    if float(value).is_integer() and abs(value) < 1e15:
        spellings += [str(int(value)), f"{int(value)}.", f"{int(value)}.000"]
    elif "e" not in repr(value):
        spellings += [f"{value!r}00", f"{value!r}e0", f"{value!r}e+00"]
    return rng.choice(spellings)


def params_text(text: str, rng: random.Random) -> str:
    """The same parameters in another order of keys, with spaces and other spellings."""
    items = list(json.loads(text).items())
    rng.shuffle(items)
    parts = []
    for name, value in items:
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        spelled = number_text(value, rng).strip() if plain else json.dumps(value)
        # JSON has no "1." and no "+"
        spelled = spelled.removesuffix(".") if plain else spelled
        parts.append(f"{json.dumps(name)} :  {spelled}")
    return "{ " + " , ".join(parts) + " }"


def respelled(row: Row, rng: random.Random) -> dict[str, str]:
    """A row as texts, every value in one of its spellings; missing ones empty."""
    texts: dict[str, str] = {}
    for name, value in row.items():
        if value is None:
            texts[name] = ""
        elif name in TIMES:
            texts[name] = in_zone(value, rng.randint(-11, 13))
        elif name in NUMBERS:
            texts[name] = number_text(value, rng)
        elif name == "params":
            texts[name] = params_text(value, rng)
        else:
            texts[name] = value
    return texts


@given(sweeps, st.randoms(use_true_random=False))
@several
def test_a_table_of_texts_has_the_hashes_of_the_typed_one(
    rows: list[Row], rng: random.Random
) -> None:
    texts = pl.DataFrame([respelled(row, rng) for row in rows])
    assert set(texts.dtypes) == {pl.String}
    assert hashes(texts) == hashes(frame_of(rows))


@given(sweeps, st.randoms(use_true_random=False))
@several
def test_files_have_the_hashes_of_the_table_they_were_written_from(
    tmp_path: Path, rows: list[Row], rng: random.Random
) -> None:
    expected = hashes(frame_of(rows))
    frame_of(rows).write_parquet(tmp_path / "t.parquet")
    frame_of(rows).write_ndjson(tmp_path / "t.ndjson")
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(respelled(row, rng) for row in rows)
    for name in ("t.parquet", "t.ndjson", "t.csv"):
        assert hashes(tmp_path / name) == expected, name


@given(sweeps)
@several
def test_trial_objects_have_the_hashes_of_the_table(rows: list[Row]) -> None:
    def trial(row: Row) -> Trial:
        regimes = {
            name: Regime.from_dict(json.loads(row[name])) if row[name] else None for name in REGIMES
        }
        return Trial(**{**row, "params": json.loads(row["params"]), **regimes})

    assert hashes([trial(row) for row in rows]) == hashes(frame_of(rows))


@given(st.dictionaries(st.sampled_from("abcdef"), ratios | st.integers(-9, 9), min_size=1))
@example({"a": 0.1 + 0.2, "b": -0.0, "c": 3, "d": 123456789.0, "e": 1e-300})
@example({"a": 1.0})
@several
def test_parameters_in_columns_in_a_struct_and_as_text_are_the_same(params: Row) -> None:
    text = {**COMPLETE, "params": canonical_params(params)}
    rest = {k: v for k, v in COMPLETE.items() if k != "params"}
    loose = pl.DataFrame([{**rest, **{f"param_{k}": v for k, v in params.items()}}])
    struct = pl.DataFrame([{**rest, "params": params}])
    assert hashes(loose) == hashes(struct) == hashes(frame_of([text]))


COUNTS = ["n_trades_is", "n_trades_oos"]
AS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "times in nanoseconds": lambda f: f.with_columns(pl.col(TIMES).dt.cast_time_unit("ns")),
    "times of Tokyo": lambda f: f.with_columns(pl.col(TIMES).dt.convert_time_zone("Asia/Tokyo")),
    "naive times": lambda f: f.with_columns(pl.col(TIMES).dt.replace_time_zone(None)),
    "small integers": lambda f: f.with_columns(pl.col(COUNTS).cast(pl.Int16)),
    "float counts": lambda f: f.with_columns(pl.col(COUNTS).cast(pl.Float32)),
    "exact floats of 32 bits": lambda f: f.with_columns(pl.col("sharpe_is").cast(pl.Float32)),
    "categories": lambda f: f.with_columns(pl.col("symbol", "engine").cast(pl.Categorical)),
    "chunks": lambda f: pl.concat([f.clear(), f], rechunk=False),
}


@pytest.mark.parametrize("dtype", AS)
def test_the_types_of_columns_change_no_hash(dtype: str) -> None:
    frame = frame_of([COMPLETE])
    assert hashes(AS[dtype](frame)) == hashes(frame)


def test_a_float_of_32_bits_is_the_number_that_its_bits_say_in_metrics_and_in_parameters() -> None:
    exact = struct.unpack("<f", struct.pack("<f", 0.1))[0]
    frame = frame_of([COMPLETE]).drop("params").with_columns(param_x=pl.lit(0.1))
    narrow = frame.with_columns(pl.col("objective_score", "param_x").cast(pl.Float32))
    wide = {**COMPLETE, "params": canonical_params({"x": exact}), "objective_score": exact}
    assert hashes(narrow) == hashes(frame_of([wide])) != hashes(frame)


# --- different ---------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [name for name in COMPLETE if name != "source_id"])
def test_a_change_of_any_single_value_changes_the_hash(column: str) -> None:
    assert set(CHANGES) == set(COMPLETE)
    before, after = (
        list(hashes(frame_of([{**COMPLETE, **change}])).values())
        for change in ({}, {column: CHANGES[column]})
    )
    assert before != after


@pytest.mark.parametrize("part", ["model", "pipeline", "collection"])
def test_a_change_of_the_recipe_changes_every_hash(part: str) -> None:
    frame = frame_of([COMPLETE, {**COMPLETE, "source_id": "b"}])
    before, after = hashes(frame), hashes(frame, replace(RECIPE, **{part: "other"}))
    assert not set(before.values()) & set(after.values())


FLOATS = [name for name in NUMBERS if not name.startswith("n_")]


@given(
    st.lists(st.tuples(canonical_rows, st.sampled_from(FLOATS), st.floats(0.001, 0.9)), min_size=12)
)
@several
def test_the_next_float_is_another_number(changes: list[tuple[Row, str, float]]) -> None:
    rows = as_one_sweep([{**row, column: value} for row, column, value in changes])
    told = hashes(frame_of(rows))
    for row, (_, column, value) in zip(rows, changes, strict=True):
        row[column] = math.nextafter(value, 1.0)
    again = hashes(frame_of(rows))
    assert [name for name in told if told[name] == again[name]] == []


PAIRS = [
    ("strategy_version", "engine"),
    ("symbol", "engine"),
    ("sharpe_is", "sharpe_oos"),
    ("win_rate_is", "win_rate_oos"),
    ("n_trades_is", "n_trades_oos"),
]


@given(many_rows)
@several
def test_values_that_move_to_the_next_column_change_the_hash(given_rows: list[Row]) -> None:
    rows = as_one_sweep(given_rows)
    told = hashes(frame_of(rows))
    for one, other in PAIRS:
        moved = hashes(frame_of([{**row, one: row[other], other: row[one]} for row in rows]))
        for row in rows:
            equal = row[one] == row[other]
            assert (told[row["source_id"]] == moved[row["source_id"]]) == equal, (one, row)


# --- the same everywhere -----------------------------------------------------------------------

GOLDEN = "cb743affb1fb8af362022fb0334b84dfa8b76a7e1fe95532f595e628fe8685ad"
PROGRAM = """
import json, sys
from datetime import UTC, datetime
import polars as pl
from tradingkb.importers.frames import read_trials
from tradingkb.indexing.plan import Recipe, content_hashes
batch = read_trials(sys.argv[1], now=datetime(2026, 1, 1, tzinfo=UTC))
print(json.dumps(content_hashes(batch.trials, Recipe(*sys.argv[2:])).to_list()))
"""


def test_the_hash_of_a_complete_trial_never_changes() -> None:
    assert reference(COMPLETE) == GOLDEN
    assert hashes(frame_of([COMPLETE])) == {"study-1": GOLDEN}


def test_another_process_of_another_locale_and_hash_seed_finds_the_same_hashes(
    tmp_path: Path,
) -> None:
    environment = {
        "PYTHONHASHSEED": "4242",
        "PYTHONUTF8": "0",
        "LC_ALL": "tr_TR.UTF-8",
        "TZ": "Asia/Tokyo",
        "POLARS_MAX_THREADS": "1",
    }
    rng = random.Random(5)
    rows = [
        {**COMPLETE, "source_id": f"é{i}", "sharpe_is": rng.gauss(0, 1), "n_trades_is": i}
        for i in range(50)
    ]
    file = tmp_path / "trials.ndjson"
    frame_of(rows).write_ndjson(file)
    parts = [RECIPE.model, RECIPE.pipeline, RECIPE.collection]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file), *parts],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [reference(row) for row in rows]
