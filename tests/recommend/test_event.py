"""An event says what was asked and what was answered, under one name each, and can be asked again.

The names that operators search logs for are those of the mission's runbooks:
`kb_recommend_complete` with status, after_strict, after_relaxed, strict_to_relaxed, metadata_only,
repaired_params, reasons and warnings; `kb_tiebreak_applied_total` with rule, workspace_id and
strategy.
"""

from __future__ import annotations

import io
import json
import logging
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tradingkb as tkb
from tradingkb.domain import FEATURE_INFO, TAGS, Market, Overrides, Question, Regime
from tradingkb.exceptions import InvalidInputError, InvalidRegimeError
from tradingkb.observability import configure_logging
from tradingkb.plain import STRUCTURES, plain
from tradingkb.recommend import EVENT_FIELDS, Recommendation, question_of
from tradingkb.recommend.asking.event import (
    COLUMN_NAMES,
    KEPT_OWN_SETS,
    LOG_NAMES,
    event_row,
    log_answer,
    question_words,
)
from tradingkb.stores import schema

#: Columns that are no field of the answer, and why.
NOT_IN_THE_ANSWER = {
    "workspace_id": "the answer names the workspace by its slug",
    "regime_tags": "part of regime",
    "market_kind": "of the question",
    "question": "of the question",
    "source": "of the question",
    "expected_low": "expected.low",
    "expected_high": "expected.high",
    "expected_unit": "expected.unit",
    "schema_version": "of the answer's JSON form",
    "replica": "of the process",
}
#: The log line of an answer, field by field.
LOGGED = (
    "request_id",
    "workspace_id",
    "strategy",
    "objective",
    "symbol",
    "timeframe",
    "market_kind",
    "status",
    "confidence",
    "confidence_band",
    "reasons",
    "warnings",
    "after_strict",
    "after_relaxed",
    "windows_used",
    "strict_to_relaxed",
    "metadata_only",
    "embed_model",
    "collection",
    "source",
    "replica",
    "repaired_params",
    "total_ms",
)
#: Questions as users ask them, each about something that the others leave out.
ASKED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "instrument": {"symbol": "MSFT", "timeframe": "1d"},
    "unknown instrument": {"symbol": "MSFT" * 30, "timeframe": "1d"},
    "tags": {"regime": ["uptrend"], "symbol": "AAPL", "timeframe": "1d"},
    "features": {"regime": {"volatility_annual": 0.2}, "timeframe": "1d"},
    "filters": {"symbol": "IBM", "max_drawdown": 0.02, "min_trades": 60, "require_oos": False},
    "no gap": {"max_overfit_gap": math.inf, "regime_tags": ["uptrend"]},
    "impossible": {"max_drawdown": 0.0001, "min_trades": 1000},
    "time": {"as_of": "2010-06-01", "regime": ["ranging"]},
    "early": {"as_of": "2001-01-01"},
    "limits": {"min_deflated_sharpe": 0.9, "max_pbo": 0.9, "regime": ["uptrend"]},
    "objective": {"objective_type": "max_drawdown", "regime": ["high_volatility"]},
    "version": {"strategy_version": "1", "caller": "probe"},
}


@pytest.fixture(scope="module")
def again(
    sample_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tkb.KnowledgeBase]:
    """A sample store that the tests of this module share: they only ask."""
    home = shutil.copytree(sample_home, tmp_path_factory.mktemp("asked") / "home")
    with tkb.connect(home, progress=False, replica="host") as kb:
        yield kb


@pytest.fixture(scope="module")
def told(again: tkb.KnowledgeBase) -> dict[str, tuple[tkb.Recommendation, dict[str, Any]]]:
    """Answers to all questions, each with its event."""
    return {name: answered(again, **more) for name, more in asked().items()}


def asked() -> dict[str, dict[str, Any]]:
    """`ASKED`, with measured markets and own trials."""
    series = Path(__file__).resolve().parents[2] / "data" / "ohlcv"
    own = pl.DataFrame(
        {
            "params": [json.dumps({"fast": f, "slow": 50, "allow_short": 0}) for f in (5, 10, 20)],
            "n_trades_is": [2, 3, 40],
            "sharpe_is": 1.0,
        }
    )
    return {
        **ASKED,
        "measured": {"ohlcv": series / "AAPL_1d.parquet"},
        "measured then": {"ohlcv": series / "GOOG_1d.parquet", "as_of": "2010-06-01"},
        "intraday": {"ohlcv": series / "EURUSD_1h.parquet", "max_pbo": 0.7},
        "own trials": {"symbol": "FB", "timeframe": "1d", "own_trials": own},
    }


def answered(kb: tkb.KnowledgeBase, **more: Any) -> tuple[tkb.Recommendation, dict[str, Any]]:
    """An answer and its event."""
    answer = kb.recommend("sma_cross", **more)
    return answer, kb.events().filter(request_id=answer.request_id).row(0, named=True)


def ask(kb: tkb.KnowledgeBase, question: Question) -> Recommendation:
    spaces = kb.use_cases.workspaces
    target = spaces.target(spaces.find("default"))
    return kb.use_cases.asking.recommender.answer(target, question)


def standing(answer: Recommendation) -> dict[str, Any]:
    """An answer without what moves from request to request."""
    told = answer.to_dict()
    return {k: v for k, v in told.items() if k not in ("request_id", "at", "timings")}


def read(event: dict[str, Any]) -> dict[str, Any]:
    """An event with its structures read."""
    return {
        name: json.loads(value) if name in STRUCTURES and value is not None else value
        for name, value in event.items()
    }


@contextmanager
def log(style: Any = "logfmt") -> Iterator[io.StringIO]:
    """What is logged meanwhile, as it is written."""
    logger, text = logging.getLogger("tradingkb"), io.StringIO()
    before = list(logger.handlers), logger.level, logger.propagate
    configure_logging("INFO", style)
    (handler,) = (h for h in logger.handlers if h not in before[0])
    handler.setStream(text)  # type: ignore[attr-defined]
    try:
        yield text
    finally:
        logger.handlers[:], logger.level, logger.propagate = before
        logger.setLevel(before[1])


def test_every_column_of_an_event_has_a_meaning_and_nothing_else_has_one() -> None:
    columns = [c.name for c in schema.recommend_events.columns if c.name != "id"]
    assert list(EVENT_FIELDS) == columns
    assert [n for n, meaning in EVENT_FIELDS.items() if not meaning.endswith(".")] == []


def test_a_json_column_of_an_event_reaches_scripts_as_structure() -> None:
    types = {c.name: type(c.type).__name__ for c in schema.recommend_events.columns}
    assert {name for name, kind in types.items() if kind == "JSON"} <= STRUCTURES


def test_a_fact_has_one_name_in_answer_and_event() -> None:
    assert COLUMN_NAMES == {"recommended_relaxed_settings": "relaxations"}
    names = {column: name for name, column in COLUMN_NAMES.items()}
    facts = set(Recommendation.__dataclass_fields__) | set(vars(Recommendation))
    unnamed = {column for column in EVENT_FIELDS if names.get(column, column) not in facts}
    assert unnamed == set(NOT_IN_THE_ANSWER)


def test_an_event_holds_what_the_answer_says(told: dict[str, Any]) -> None:
    names = {column: name for name, column in COLUMN_NAMES.items()}
    for answer, event in told.values():
        form = {**answer.to_dict(), "baseline_expected": answer.baseline_expected}
        form["defaults_expected"] = answer.defaults_expected
        quoted = form.pop("expected") or {}
        ends = {"": "value", "_low": "low", "_high": "high", "_unit": "unit"}
        expected = {f"expected{end}": quoted.get(part) for end, part in ends.items()}
        found = plain(read(event))
        for column in EVENT_FIELDS:
            name = names.get(column, column)
            if name in form:
                assert found[column] == form[name], column
        assert {name: found[name] for name in expected} == expected
        assert found["regime_tags"] == (form["regime"] or {"tags": []})["tags"]


@pytest.mark.parametrize(
    ("name", "kind", "unit"),
    [
        ("measured", "measured", "annualised"),
        ("tags", "stated", "annualised"),
        ("features", "stated", "annualised"),
        ("nothing", "none", "annualised"),
        ("objective", "stated", "fraction"),
        ("impossible", "none", None),
    ],
)
def test_an_event_says_the_kind_of_market_and_the_unit(
    told: dict[str, Any], name: str, kind: str, unit: str | None
) -> None:
    answer, event = told[name]
    assert (event["market_kind"], event["expected_unit"]) == (kind, unit)
    assert (answer.expected is None) == (event["expected"] is None) == (unit is None)
    assert (event["regime"] is None) == (kind == "none")


def test_an_event_tells_stated_filters_from_those_in_force(told: dict[str, Any]) -> None:
    event = read(told["filters"][1])
    assert event["question"]["overrides"] == {
        "max_drawdown": 0.02,
        "min_trades": 60,
        "require_oos": False,
    }
    assert event["filters"]["max_overfit_gap"] == 0.3
    off = read(told["no gap"][1])
    assert off["question"]["overrides"] == {"max_overfit_gap": None, "regime_tags": ["uptrend"]}
    assert off["filters"]["max_overfit_gap"] is None


@pytest.mark.parametrize("name", asked())
def test_the_question_of_an_event_asked_again_has_the_same_answer(
    told: dict[str, Any], again: tkb.KnowledgeBase, name: str
) -> None:
    """Whatever of it: parameters, status, reasons, warnings, what is expected, the evidence."""
    answer, event = told[name]
    for form in (event, json.loads(json.dumps(plain(read(event))))):
        assert standing(ask(again, question_of(form))) == standing(answer)


def test_a_question_without_a_time_is_asked_again_as_of_then(
    sample: tkb.KnowledgeBase, clock: Any
) -> None:
    """What became known since does not count then, and it does now."""
    market = {"symbol": "IBM", "timeframe": "1d"}
    answer, event = answered(sample, **market)
    rows = sample.trials(strategy_name="sma_cross", limit=1)
    start = clock.now + timedelta(days=1)
    later = pl.DataFrame(
        [
            {
                "source_id": f"later:{w}:{fast}",
                "strategy_name": "sma_cross",
                "strategy_version": rows["strategy_version"][0],
                **market,
                "params": json.dumps({"fast": fast, "slow": 200, "allow_short": 1}),
                "oos_start": (start + timedelta(days=91 * w)).replace(tzinfo=None),
                "oos_end": (start + timedelta(days=91 * w + 90)).replace(tzinfo=None),
                "sharpe_oos": 9.0 if fast == 3 else -9.0,
                "max_drawdown_frac_oos": 0.01,
                "n_trades_oos": 90,
            }
            for w in range(20)
            for fast in (3, 5, 10, 20, 30, 50)
        ]
    )
    clock.now += timedelta(days=91 * 30)
    assert sample.ingest(later).inserted == later.height
    question = question_of(event)
    then = ask(sample, replace(question, as_of=question.as_of or event["at"]))
    now = ask(sample, question)
    assert (then.params, then.status, then.expected) == (
        answer.params,
        answer.status,
        answer.expected,
    )
    assert (then.after_strict, now.after_strict) == (
        answer.after_strict,
        answer.after_strict + later.height,
    )
    assert now.expected != then.expected


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=90)


@st.composite
def regimes(draw: st.DrawFn) -> Regime | None:
    """None, stated, or measured."""
    chosen = draw(st.sets(st.sampled_from(sorted(FEATURE_INFO)), min_size=1))
    features = {
        name: draw(numbers(max(FEATURE_INFO[name].low, -9), min(FEATURE_INFO[name].high, 9)))
        for name in sorted(chosen)
    }
    kind = draw(st.sampled_from(["none", "stated", "measured"]))
    try:
        if kind == "stated":
            return Regime.stated(tags=draw(st.sets(st.sampled_from(TAGS), min_size=1, max_size=2)))
        facts = {"symbol": draw(maybe(NAMES)), "end": draw(TIMES), "warnings": ("few_bars: 9",)}
        return Regime.measured(features, **facts) if kind == "measured" else None
    except InvalidRegimeError:
        return None  # tags that contradict each other


QUESTIONS = st.builds(
    Question,
    strategy_name=NAMES,
    objective_type=st.sampled_from(["sharpe", "calmar"]),
    market=st.builds(
        Market,
        regime=regimes(),
        symbol=maybe(NAMES),
        timeframe=maybe(st.sampled_from(["1d", "5m"])),
        warnings=st.sampled_from([(), ("ohlcv_cut_at_as_of",)]),
        notes=st.sampled_from([(), ("few_bars: 9",)]),
    ),
    overrides=st.builds(
        Overrides,
        require_oos=maybe(st.booleans()),
        max_drawdown=maybe(numbers(0, 1)),
        min_trades=maybe(st.integers(0, 10**6)),
        max_overfit_gap=maybe(numbers(0, 1e300) | st.just(math.inf)),
        regime_tags=maybe(st.lists(st.sampled_from(TAGS)).map(tuple)),
    ),
    min_deflated_sharpe=maybe(numbers(0, 1)),
    max_pbo=maybe(numbers(0, 1)),
    strategy_version=maybe(NAMES),
    own_trades=maybe(st.dictionaries(NAMES, numbers(0, 1e9), max_size=5)),
    as_of=maybe(TIMES),
    mode=st.sampled_from(["full", "debug"]),
    caller=st.sampled_from(["python", "http", "probe"]),
    request_id=st.sampled_from(["", "r-1"]),
)


def columns_of(question: Question) -> dict[str, Any]:
    """The columns of an event that say what was asked, as JSON has them."""
    return {
        "strategy_name": question.strategy_name,
        "objective_type": question.objective_type,
        "symbol": question.market.symbol,
        "regime": plain(question.market.regime),
        "as_of": plain(question.as_of),
        "source": question.caller,
        "question": question_words(question),
    }


@given(QUESTIONS)
@settings(max_examples=60)
def test_every_question_is_read_back_from_json_but_for_what_belongs_to_its_request(
    question: Question,
) -> None:
    event = json.loads(json.dumps(columns_of(question), allow_nan=False))
    assert question_of(event) == replace(question, request_id="", mode="full", deadline=None)


def test_own_trials_that_are_too_many_to_keep_are_told_by_their_digest() -> None:
    trades = {f'{{"fast":{k}}}': k + 0.5 for k in range(KEPT_OWN_SETS + 1)}
    event = columns_of(Question("s", own_trades=trades))
    assert event["question"]["own_trades"] | {"sha256": ""} == {
        "n": KEPT_OWN_SETS + 1,
        "sha256": "",
        "trades": None,
    }
    with pytest.raises(InvalidInputError, match=r"own_trades.*201 parameter sets.*not stored"):
        question_of(event)
    with pytest.raises(InvalidInputError, match="201 parameter sets, not these"):
        question_of(event, own_trades={**trades, '{"fast":0}': 9.0})
    other_order = dict(reversed(trades.items()))
    assert question_of(event, own_trades=other_order).own_trades == trades
    with pytest.raises(InvalidInputError, match="0 parameter sets, not these"):
        question_of(columns_of(Question("s")), own_trades=trades)


def test_numbers_of_numpy_in_a_question_lose_no_event(sample: tkb.KnowledgeBase) -> None:
    answer, event = answered(
        sample,
        min_trades=np.int64(3),
        max_drawdown=np.float32(0.25),
        require_oos=np.bool_(True),
        min_deflated_sharpe=np.float32(0.5),
    )
    assert read(event)["question"]["overrides"] == {
        "min_trades": 3,
        "max_drawdown": 0.25,
        "require_oos": True,
    }
    assert standing(ask(sample, question_of(event))) == standing(answer)
    assert sample.use_cases.asking.events.dropped == 0


def test_the_log_names_facts_like_the_event_but_for_two_names_of_the_runbooks(
    sample: tkb.KnowledgeBase,
) -> None:
    assert LOG_NAMES == {"strategy_name": "strategy", "objective_type": "objective"}
    columns = {log_name: column for column, log_name in LOG_NAMES.items()}
    with log("json") as text:
        _, event = answered(sample, regime=["uptrend"], symbol="AAPL", timeframe="1d")
    (line,) = (
        found
        for found in map(json.loads, text.getvalue().splitlines())
        if found["event"] == "kb_recommend_complete"
    )
    assert [name for name in line if name not in ("timestamp", "level", "event")] == list(LOGGED)
    kept = read(event)
    kept |= {"total_ms": kept["timings"]["total_ms"]}
    kept["repaired_params"] = bool(kept["repaired_params"])
    for name in LOGGED:
        fact = kept[columns.get(name, name)]
        assert line[name] == (",".join(fact) if isinstance(fact, list) else fact), name


def test_an_operator_finds_what_the_runbooks_search_for(sample: tkb.KnowledgeBase) -> None:
    """`grep kb_recommend_complete`, `grep status=degraded`, and the counter of the tie-breaks."""
    with log() as text:
        sample.recommend("sma_cross", max_drawdown=0.0001, min_trades=1000)
        sample.recommend("sma_cross", symbol="IBM", min_trades=200)
        relaxed = sample.recommend("sma_cross", regime=["uptrend"])
    lines = text.getvalue().splitlines()
    done = [line for line in lines if "event=kb_recommend_complete" in line]
    empty, few, _ = done
    for part in ("status=none", "after_strict=0", "after_relaxed=0", "reasons="):
        assert f" {part}" in empty
    for part in ("status=", "strict_to_relaxed=", "metadata_only=", "repaired_params="):
        assert f" {part}" in few
    rules = [line for line in lines if "event=kb_tiebreak_applied_total" in line]
    assert len(rules) >= len(relaxed.tie_break_counts) > 0
    assert all(
        f" {part}=" in line for line in rules for part in ("rule", "workspace_id", "strategy")
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"strict_to_relaxed": True}, "strict_to_relaxed=true"),
        ({"metadata_only": True}, "metadata_only=true"),
        ({"repaired_params": {"fast": "3, was 2"}}, "repaired_params=true"),
        ({"status": "degraded"}, "status=degraded"),
        ({"reasons": ("a", "b")}, "reasons=a,b"),
        ({"warnings": ("c",)}, "warnings=c"),
        ({"confidence_band": "low"}, "confidence_band=low"),
        ({"symbol": "AAPL", "timeframe": "1d"}, "symbol=AAPL timeframe=1d"),
    ],
)
def test_a_pattern_of_the_runbooks_is_in_the_log_where_the_answer_says_it(
    told: dict[str, Any], again: tkb.KnowledgeBase, changes: dict[str, Any], said: str
) -> None:
    answer = replace(told["tags"][0], **changes)
    spaces = again.use_cases.workspaces
    row = event_row(answer, spaces.target(spaces.find("default")), Question("sma_cross"), "host")
    assert set(row) == set(EVENT_FIELDS)
    with log() as text:
        log_answer(row, answer)
    (line,) = (s for s in text.getvalue().splitlines() if "event=kb_recommend_complete" in s)
    assert f" {said}" in line


@pytest.mark.parametrize("name", ["7f3c", "x" * 64, "né & <b> 'q' " * 4])
def test_a_request_that_is_tried_again_under_its_name_is_answered_and_recorded_again(
    sample: tkb.KnowledgeBase, name: str
) -> None:
    """Its caller looks for what became of it, and an operator counts answers: none is missing."""
    first, second = (
        sample.recommend("sma_cross", symbol=s, request_id=name) for s in ("IBM", "FB")
    )
    assert (first.request_id, second.request_id) == (name, name)
    events = sample.events().filter(request_id=name)
    assert events["symbol"].to_list() == ["FB", "IBM"]
    assert events["at"].to_list() == [second.at, first.at]
    assert sample.use_cases.asking.events.dropped == 0


@pytest.mark.parametrize("name", ["x" * 65, "two\nlines", "bell\a"])
def test_a_name_of_a_request_that_no_log_can_hold_is_refused(
    sample: tkb.KnowledgeBase, name: str
) -> None:
    with pytest.raises(InvalidInputError, match=r"request_id.*at most 64 printable characters"):
        sample.recommend("sma_cross", request_id=name)
    assert sample.events().is_empty()
