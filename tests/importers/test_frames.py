from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradingkb.domain.regime import Regime
from tradingkb.domain.trial import regime_to_json
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.columns import COLUMNS
from tradingkb.importers.frames import read_trials
from tradingkb.importers.source import const

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REGIME = regime_to_json(Regime.measured({"rsi": 60.0, "atr_pct": 0.02}))

#: One value of every canonical column, all different from the defaults.
COMPLETE: dict[str, Any] = {
    "source_type": "optuna",
    "source_id": "study-1",
    "experiment_type": "sweep",
    "strategy_name": "sma_cross",
    "strategy_version": "2",
    "params": '{"fast":20}',
    "objective_type": "calmar",
    "objective_score": 0.5,
    "objective_sample": "oos",
    "symbol": "IBM",
    "timeframe": "1d",
    "is_start": datetime(2020, 1, 1, tzinfo=UTC),
    "is_end": datetime(2021, 1, 1, tzinfo=UTC),
    "oos_start": datetime(2021, 1, 1, tzinfo=UTC),
    "oos_end": datetime(2021, 7, 1, tzinfo=UTC),
    "known_at": datetime(2021, 7, 2, tzinfo=UTC),
    "sharpe_is": 1.5,
    "sharpe_oos": -0.5,
    "return_frac_is": 0.25,
    "return_frac_oos": -0.0625,
    "max_drawdown_frac_is": 0.0,
    "max_drawdown_frac_oos": 1.0,
    "n_trades_is": 40,
    "n_trades_oos": 0,
    "win_rate_is": 0.0,
    "win_rate_oos": 1.0,
    "profit_factor_is": 1.25,
    "profit_factor_oos": 0.0,
    "regime_is": REGIME,
    "regime_oos": REGIME,
    "engine": "vectorbt",
    "cost_bps": 5.0,
    "kb_status": "promoted",
    "created_at": datetime(2021, 7, 3, tzinfo=UTC),
}


def one(row: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    batch = read_trials(pl.DataFrame([row]), **{"now": NOW, **arguments})
    assert batch.rejects.to_dicts() == []
    return batch.trials.to_dicts()[0]


def test_every_canonical_column_is_read_as_it_is_given() -> None:
    assert set(COMPLETE) == set(COLUMNS)
    found = one(COMPLETE)
    assert {name: found[name] for name in COMPLETE} == COMPLETE


def test_missing_columns_get_the_documented_defaults() -> None:
    found = one({"strategy_name": "s", "params": '{"n":1}', "sharpe_is": 2.0})
    assert found["source_type"] == "import"
    assert found["experiment_type"] == "tune"
    assert found["objective_type"] == "sharpe"
    assert found["kb_status"] == "candidate"
    assert found["objective_score"] == 2.0
    assert found["known_at"] == found["created_at"] == NOW
    assert len(found["source_id"]) == 64
    empty = ("sharpe_oos", "symbol", "timeframe", "is_start", "engine", "regime_is", "n_trades_is")
    assert [found[name] for name in empty] == [None] * len(empty)


@pytest.mark.parametrize(
    ("facts", "score"),
    [
        ({"sharpe_is": 2.0, "sharpe_oos": 1.0}, 1.0),
        ({"sharpe_is": 2.0, "sharpe_oos": None}, 2.0),
        ({"sharpe_oos": 1.0, "objective_score": 7.0}, 7.0),
        ({"objective_type": "max_drawdown", "max_drawdown_frac_oos": 0.25}, 0.25),
        ({"objective_type": "return", "return_frac_is": 0.5, "sharpe_oos": 9.0}, 0.5),
        ({"objective_type": "sortino", "objective_score": 1.25}, 1.25),
        (
            {
                "objective_type": "calmar",
                "return_frac_oos": 0.1,
                "max_drawdown_frac_oos": 0.05,
                "oos_start": "2021-01-01T00:00:00",
                "oos_end": "2022-01-01T06:00:00",
            },
            2.0,
        ),
    ],
)
def test_the_score_is_the_given_one_else_the_objectives_oos_value_else_its_is_value(
    facts: dict[str, Any], score: float
) -> None:
    found = one({"strategy_name": "s", "params": '{"n":1}', **facts})
    assert found["objective_score"] == pytest.approx(score)


@pytest.mark.parametrize(
    ("facts", "known_at"),
    [
        ({"is_end": "2021-01-01", "oos_end": "2021-07-01"}, datetime(2021, 7, 1, tzinfo=UTC)),
        ({"is_end": "2021-01-01"}, datetime(2021, 1, 1, tzinfo=UTC)),
        ({"oos_end": "2021-07-01", "created_at": "2023-01-01"}, datetime(2021, 7, 1, tzinfo=UTC)),
        ({"oos_end": "2021-07-01", "known_at": "2021-08-01"}, datetime(2021, 8, 1, tzinfo=UTC)),
        ({"created_at": "2023-01-01"}, datetime(2023, 1, 1, tzinfo=UTC)),
        ({}, NOW),
    ],
)
def test_a_result_is_known_from_the_end_of_its_last_window_unless_said_otherwise(
    facts: dict[str, Any], known_at: datetime
) -> None:
    found = one({"strategy_name": "s", "params": '{"n":1}', "sharpe_is": 1.0, **facts})
    assert found["known_at"] == known_at
    created = facts.get("created_at")
    expected = datetime.fromisoformat(created).replace(tzinfo=UTC) if created else known_at
    assert found["created_at"] == expected


def test_a_mapping_renames_columns_and_sets_constants() -> None:
    frame = pl.DataFrame({"id": ["a"], "fast": [20], "is_sharpe": [1.0], "note": ["x"]})
    batch = read_trials(
        frame,
        mapping={
            "source_id": "id",
            "sharpe_is": "is_sharpe",
            "param_fast": "fast",
            "strategy_name": const("sma_cross"),
            "is_end": const(date(2021, 1, 1)),
        },
        now=NOW,
    )
    found = batch.trials.to_dicts()[0]
    assert (found["source_id"], found["sharpe_is"], found["strategy_name"]) == (
        "a",
        1.0,
        "sma_cross",
    )
    assert found["params"] == '{"fast":20}'
    assert found["is_end"] == datetime(2021, 1, 1, tzinfo=UTC)
    assert batch.notes == (
        "columns not used: note",
        *(n for n in batch.notes if "columns" not in n),
    )


def test_constant_parameters_and_regimes_may_be_objects() -> None:
    frame = pl.DataFrame({"sharpe_is": [1.0, 2.0], "symbol": ["IBM", "AAPL"]})
    regime = Regime.measured({"rsi": 60.0})
    mapping = {
        "strategy_name": const("s"),
        "params": const({"n": 1}),
        "regime_is": const(regime),
    }
    found = read_trials(frame, mapping=mapping, now=NOW).trials
    assert found["params"].to_list() == ['{"n":1}'] * 2
    assert found["regime_is"].to_list() == [regime_to_json(regime)] * 2


@pytest.mark.parametrize(
    ("mapping", "hint"),
    [
        ({"sharp_is": "a"}, "did you mean sharpe_is"),
        ({"xyzzy": "a"}, "known: "),
        ({"sharpe_is": "sharp"}, "did you mean sharpe"),
        ({"sharpe_is": "xyzzy"}, "known: params, sharpe"),
        ({"objective_type": 5}, "tkb.const"),
    ],
)
def test_a_mapping_to_nowhere_suggests_near_names(mapping: dict[str, Any], hint: str) -> None:
    frame = pl.DataFrame({"sharpe": [1.0], "params": ["{}"]})
    with pytest.raises(InvalidTrialError, match=hint) as caught:
        read_trials(frame, mapping=mapping, now=NOW)
    assert caught.value.field == "mapping"


def test_a_table_without_parameters_is_refused_as_a_whole() -> None:
    with pytest.raises(InvalidTrialError, match="no parameters"):
        read_trials(pl.DataFrame({"strategy_name": ["s"]}), now=NOW)


def test_a_reserved_column_name_is_refused() -> None:
    with pytest.raises(InvalidTrialError, match="reserved"):
        read_trials(pl.DataFrame({"__row__": [1], "params": ["{}"]}), now=NOW)


def test_a_table_without_rows_gives_an_empty_batch_of_the_same_columns(read: Any) -> None:
    full = read({}).trials
    frame = pl.DataFrame(schema={"strategy_name": pl.String, "params": pl.String})
    batch = read_trials(frame, now=NOW)
    assert batch.trials.schema == full.schema
    assert (batch.n_rows, batch.duplicates, batch.rejects.height) == (0, 0, 0)
    struct = pl.DataFrame(schema={"strategy_name": pl.String, "param_n": pl.Int64})
    assert read_trials(struct, now=NOW).trials.schema == full.schema
    assert read_trials([], now=NOW).trials.schema == full.schema


# --- identity ------------------------------------------------------------------------------------


def test_exact_repeats_are_taken_once_and_counted(read: Any) -> None:
    batch = read({"source_id": "a"}, {"source_id": "b"}, {"source_id": "a"})
    assert batch.trials["source_id"].to_list() == ["a", "b"]
    assert batch.duplicates == 1
    assert "1 rows repeat an earlier row exactly and were taken once" in batch.notes


@pytest.mark.parametrize(
    "change", [{"sharpe_oos": 0.8}, {"kb_status": "rejected"}, {"symbol": "X"}]
)
def test_an_id_with_different_contents_refuses_every_copy_and_names_the_rows(
    read: Any, change: dict[str, Any]
) -> None:
    batch = read(
        {"source_id": "a", "kb_status": "candidate"},
        {"source_id": "b", "kb_status": "candidate"},
        {"source_id": "a", "kb_status": "candidate"},
        {"source_id": "a", "kb_status": "candidate", **change},
    )
    assert batch.trials["source_id"].to_list() == ["b"]
    assert batch.rejects["row"].to_list() == [1, 3, 4]
    assert set(batch.rejects["message"]) == {"'a' appears with different content in rows 1, 3, 4"}
    assert batch.duplicates == 0


def test_a_row_that_lost_a_bad_value_is_no_repeat_of_a_good_one(read: Any) -> None:
    bad, fine = {"max_drawdown_frac_oos": 25.0}, {"max_drawdown_frac_oos": None}
    batch = read({"source_id": "a", **bad}, {"source_id": "a", **fine})
    assert batch.trials.is_empty()
    assert set(batch.rejects["row"]) == {1, 2}


def test_the_same_id_of_two_source_types_is_two_trials(read: Any) -> None:
    both = ({"source_id": "a", "source_type": kind} for kind in ("optuna", "import"))
    assert read(*both).trials.height == 2


EXPERIMENT = {
    "strategy_name": "other",
    "strategy_version": "9",
    "params": '{"fast":21,"slow":50}',
    "symbol": "AAPL",
    "timeframe": "1h",
    "is_start": "2020-01-02",
    "is_end": "2021-12-31",
    "oos_start": "2022-01-02",
    "oos_end": "2022-07-02",
    "objective_type": "return",
    "engine": "x",
    "cost_bps": 5.0,
}


@pytest.mark.parametrize("column", EXPERIMENT)
def test_a_derived_id_differs_when_the_experiment_does(read: Any, column: str) -> None:
    plain = {"return_frac_oos": 0.1, "objective_type": "sharpe", "strategy_version": "1"}
    batch = read(
        {**plain, "source_id": None}, {**plain, "source_id": None, column: EXPERIMENT[column]}
    )
    assert batch.trials["source_id"].n_unique() == 2


@pytest.mark.parametrize(
    "change", [{"sharpe_oos": 9.0}, {"n_trades_oos": 7}, {"created_at": "2024-01-01"}]
)
def test_a_derived_id_stays_when_only_the_outcome_differs(
    read: Any, change: dict[str, Any]
) -> None:
    none = dict.fromkeys(change)
    one = read({"source_id": None, **none}).trials
    other = read({"source_id": None, **change}).trials
    assert one["source_id"].to_list() == other["source_id"].to_list()


def test_derived_ids_and_hashes_do_not_depend_on_the_order_of_rows_and_columns(read: Any) -> None:
    rows = [
        {**EXPERIMENT, "n": i, "sharpe_oos": float(i), "params": f'{{"n":{i}}}'} for i in range(5)
    ]
    frame = pl.DataFrame(rows).with_columns(objective_type=pl.lit("sharpe"))
    shuffled = frame.select(sorted(frame.columns, reverse=True)).reverse()
    keys = ["source_id", "window_key", "params_hash", "row_hash", "params"]
    one = read_trials(frame, now=NOW).trials.select(keys)
    other = read_trials(shuffled, now=NOW).trials.select(keys)
    assert one.rows() == other.reverse().rows()


def test_hashes_are_the_same_on_every_platform_and_in_every_release() -> None:
    # What was said of a score's sample came later: rows that say nothing of it keep their hash.
    found = one({**COMPLETE, "objective_sample": None})
    assert found["row_hash"] == "5ab6a9d9409c441c383926f9ae68f706eb64975aa3aa25fe7da8d0503319f8f9"
    assert found["window_key"] == "39daffc494f59408447c1989192485949ed50830434a6e4ff75a50dbe32825a0"
    assert (
        found["params_hash"] == "3c7a5ce52d1e1f0eabe171e8aafd5a4ed98409318c056678e82a882dd35f26ad"
    )


def test_a_trial_without_dates_has_the_same_hash_at_every_ingest() -> None:
    row = {"strategy_name": "s", "params": '{"n":1}', "sharpe_is": 1.0}
    first, later = one(row), one(row, now=NOW + timedelta(days=1))
    assert first["row_hash"] == later["row_hash"]
    assert first["known_at"] != later["known_at"]


@pytest.mark.parametrize(
    "spelling",
    [
        {"params": '{ "slow": 50.0, "fast": 2e1 }'},
        {"oos_end": "2022-07-01T02:00:00+02:00"},
        {"oos_end": "2022-06-30 20:00:00-04:00"},
        {"oos_end": datetime(2022, 7, 1)},
        {"oos_end": date(2022, 7, 1)},
        {"n_trades_oos": 12.0},
        {"n_trades_oos": "12"},
        {"sharpe_oos": " 0.75 "},
        {"symbol": " IBM "},
        {"source_type": "import"},
        {"objective_score": 0.75},
    ],
)
def test_another_spelling_of_the_same_value_has_the_same_hash(
    read: Any, spelling: dict[str, Any]
) -> None:
    plain, spelled = read({"source_id": "a"}), read({"source_id": "a", **spelling})
    assert spelled.rejects.to_dicts() == []
    assert spelled.trials["row_hash"].to_list() == plain.trials["row_hash"].to_list()


def test_float32_is_widened_and_minus_zero_is_zero(read: Any) -> None:
    batch = read({"sharpe_oos": -0.0, "source_id": "a"}, {"sharpe_oos": 0.0, "source_id": "a"})
    assert (batch.trials.height, batch.duplicates) == (1, 1)
    narrow = pl.DataFrame(
        {"strategy_name": "s", "params": ['{"n":1}'], "sharpe_is": [0.75]},
        schema_overrides={"sharpe_is": pl.Float32},
    )
    wide = narrow.cast({"sharpe_is": pl.Float64})
    hashes = [read_trials(f, now=NOW).trials["row_hash"][0] for f in (narrow, wide)]
    assert hashes[0] == hashes[1]


def test_an_empty_cell_of_a_regime_column_is_no_regime(read: Any) -> None:
    batch = read({"regime_is": REGIME}, {"regime_is": ""}, {"regime_is": " "})
    assert batch.rejects.to_dicts() == []
    assert batch.trials["regime_is"].to_list() == [REGIME, None, None]


def test_a_parameter_of_32_bits_is_the_number_that_its_bits_say(read: Any) -> None:
    frame = pl.DataFrame({"strategy_name": ["s"], "param_x": [0.1], "sharpe_is": [1.0]})
    narrow = frame.cast({"param_x": pl.Float32})
    assert read_trials(narrow, now=NOW).trials["params"].to_list() == ['{"x":0.10000000149011612}']


CHANGED = {
    name: {
        "text": f"{value}x",
        "number": 0.5 if value != 0.5 else 0.25,
        "count": 7,
        "time": value + timedelta(minutes=1) if isinstance(value, datetime) else None,
        "params": '{"fast":21}',
        "regime": regime_to_json(Regime.measured({"rsi": 61.0})),
    }[COLUMNS[name].kind]
    for name, value in COMPLETE.items()
    if name != "kb_status"
} | {"experiment_type": "manual", "objective_type": "sortino", "oos_start": COMPLETE["oos_start"]}
CHANGED["objective_sample"] = "is"
CHANGED["oos_start"] += timedelta(minutes=1)
CHANGED["is_end"] = COMPLETE["is_end"] - timedelta(minutes=1)
CHANGED["oos_end"] = COMPLETE["oos_end"] - timedelta(minutes=1)


@pytest.mark.parametrize("column", CHANGED)
def test_the_hash_changes_with_every_column_but_the_status(column: str) -> None:
    assert set(CHANGED) == set(COLUMNS) - {"kb_status"}
    assert changed_hash(column) != changed_hash()


@cache
def changed_hash(*columns: str) -> str:
    """The hash of the complete row with these columns changed."""
    return str(one({**COMPLETE, **{name: CHANGED[name] for name in columns}})["row_hash"])


@settings(max_examples=2)
@given(
    st.sets(st.frozensets(st.sampled_from(sorted(CHANGED)), min_size=2), min_size=8, max_size=12)
)
def test_different_changes_have_different_hashes(changes: set[frozenset[str]]) -> None:
    """Each is compared with every other, and with every change of a single column."""
    told = [(), *((name,) for name in CHANGED), *(tuple(sorted(names)) for names in changes)]
    assert len({changed_hash(*columns) for columns in told}) == len(told)


def test_the_status_is_no_part_of_the_row_hash() -> None:
    assert one({**COMPLETE, "kb_status": "rejected"})["row_hash"] == one(COMPLETE)["row_hash"]


def test_trials_of_one_window_share_its_key(read: Any) -> None:
    batch = read({}, {"params": '{"fast":5}'}, {"symbol": "AAPL"})
    a, b, c = batch.trials["window_key"].to_list()
    assert a == b != c


def test_trials_without_a_window_are_counted_in_a_note() -> None:
    frame = pl.DataFrame({"strategy_name": "s", "params": ['{"n":1}', '{"n":2}'], "sharpe_is": 1.0})
    batch = read_trials(frame, now=NOW)
    assert any(note.startswith("2 trials name no symbol") for note in batch.notes)


# --- constants -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_drawdown_frac_oos", 25.0, "the constant 25.0 is not between 0 and 1"),
        ("objective_type", "sharp", "the constant 'sharp' is not known"),
        ("is_start", "yesterday", "the constant 'yesterday' is no time"),
        ("n_trades_oos", "many", "the constant 'many' is no number"),
        ("symbol", "x" * 65, "the constant is longer than 64 characters"),
        ("params", "{", "the constant params are no JSON"),
        ("regime_is", "{}x", "the constant cannot be read as a regime"),
        ("param_k", math.inf, "the constant parameter k = inf is neither"),
    ],
)
def test_a_constant_that_no_row_could_have_is_refused_once(
    read: Any, name: str, value: Any, message: str
) -> None:
    left_out = {"params": ...} if name == "param_k" else {}
    with pytest.raises(InvalidTrialError, match=message) as caught:
        read(left_out, left_out, mapping={name: const(value)})
    assert (caught.value.row, caught.value.field) == (None, name)
    assert caught.value.remedy


@pytest.mark.parametrize("value", [None, "", 0.25, "0.25", math.nan])
def test_a_constant_that_a_row_could_have_is_taken(read: Any, value: Any) -> None:
    batch = read({}, {}, mapping={"max_drawdown_frac_is": const(value)})
    assert batch.trials.height == 2


# --- rejects -------------------------------------------------------------------------------------


def test_a_reject_shows_its_row_as_json_even_with_nan_and_infinity(read: Any) -> None:
    batch = read({}, {"cost_bps": math.inf, "sharpe_is": math.nan})
    assert batch.rejects["row"].to_list() == [2]
    values = json.loads(batch.rejects["values"][0], parse_constant=pytest.fail)
    assert (values["cost_bps"], values["sharpe_is"]) == ("inf", "nan")
    assert values["symbol"] == "IBM"


def test_one_cause_gives_one_message(read: Any) -> None:
    batch = read({"sharpe_oos": "high", "sharpe_is": None})
    assert batch.rejects["field"].to_list() == ["sharpe_oos"]


def test_several_problems_of_a_row_are_all_named(read: Any) -> None:
    batch = read(
        {"win_rate_oos": 55.0, "strategy_name": None, "is_start": "x"},
        {"win_rate_oos": 0.5, "strategy_name": "s", "is_start": "2020-01-01"},
    )
    assert batch.rejects.select("row", "field").rows() == [
        (1, "is_start"),
        (1, "strategy_name"),
        (1, "win_rate_oos"),
    ]
    assert batch.trials["source_id"].to_list() == ["t2"]


def test_the_sample_trials_of_the_repository_are_read_without_a_reject(data: Any) -> None:
    batch = read_trials(data / "trials.parquet", now=NOW)
    assert batch.rejects.is_empty()
    assert batch.trials.height == batch.n_rows >= 20_000
