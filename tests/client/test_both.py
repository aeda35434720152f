"""Pages cannot tell a knowledge base of this process from its HTTP service."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tradingkb as tkb
from tests.client.conftest import TOKEN, Both, listening
from tests.noted import run_of
from tradingkb.client import Client, LocalClient, RemoteClient
from tradingkb.exceptions import (
    ConfigurationError,
    InvalidInputError,
    InvalidOHLCVError,
    NotFoundError,
    TradingKBError,
    UnknownObjectiveError,
    UnknownStrategyError,
    UnknownWorkspaceError,
)
from tradingkb.ports import RunbookRun

NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)
#: Questions of reading methods: the method, and what is asked.
READS: list[tuple[str, dict[str, Any]]] = [
    ("workspaces", {}),
    ("strategies", {}),
    ("strategies", {"workspace": "empty"}),
    ("strategy", {"name": "sma_cross"}),
    ("strategy", {"name": "no/such one"}),
    ("objectives", {}),
    ("event_page", {}),
    ("event_page", {"limit": 2}),
    ("event_page", {"where": {"status": "none"}}),
    ("event_page", {"where": {"strategy_name": "nobody"}}),
    ("event_page", {"workspace": "empty"}),
    ("event_page", {"where": {"metadata_only": "false"}, "since": "2020-01-01"}),
    ("event_page", {"until": NOON}),
    ("event_rates", {}),
    ("event_rates", {"bucket": "all", "by": ("strategy_name", "source")}),
    ("event_rates", {"bucket": "minute", "by": ["replica"]}),
    ("event_rates", {"bucket": "day", "since": NOON, "until": "2020-02-01T00:00:00+01:00"}),
    ("event_rates", {"workspace": "empty"}),
    ("rejections", {}),
    ("rejections", {"by": ()}),
    ("rejections", {"by": ("filter",), "bucket": "hour"}),
    ("rejections", {"workspace": "empty"}),
    ("event", {"request_id": "ok/1?%2F"}),
    ("event", {"request_id": ".."}),
    ("event", {"request_id": "none"}),
    ("recent_changes", {"limit": 3}),
    ("recent_changes", {"since": NOON, "until": NOON}),
    ("recent_changes", {"workspace": "empty"}),
    ("breakers", {}),
    ("breaker_changes", {}),
    ("breaker_changes", {"since": "2020-01-01", "limit": 1}),
    ("trial_page", {"limit": 7}),
    ("trial_page", {"workspace": "empty"}),
    ("trial_page", {"order": "sharpe_oos", "limit": 30}),
    ("trial_page", {"order": "known_at", "descending": False, "limit": 5}),
    ("trial_page", {"where": {"strategy_name": ["sma_cross", "bb_reversal"], "symbol": "AAPL"}}),
    ("trial_page", {"ranges": {"sharpe_oos": (0.5, None), "known_at": (None, "2026-02-01")}}),
    ("trial_count", {}),
    ("trial_count", {"workspace": "empty"}),
    ("trial_count", {"where": {"kb_status": "promoted"}}),
    ("trial_count", {"ranges": {"n_trades_oos": (10, 40)}}),
    ("trial_density", {"workspace": "default", "strategy_name": "sma_cross"}),
    ("trial_density", {"workspace": "default", "strategy_name": "sma_cross", "bins": 3}),
    ("param_grid", {"workspace": "default", "strategy_name": "sma_cross"}),
    (
        "param_grid",
        {
            "workspace": "default",
            "strategy_name": "bb_reversal",
            "objective_type": "max_drawdown",
        },
    ),
    ("history", {"trial_id": 1}),
    ("runbooks", {}),
    ("runbook_runs", {}),
    ("runbook_runs", {"limit": 1}),
    ("runbook_runs", {"runbook": "09_other"}),
    ("runbook_runs", {"runbook": "09_other", "workspace": "empty"}),
    ("runbook_run", {"run_id": "one"}),
    ("runbook_run", {"run_id": "two"}),
    ("runbook_run", {"run_id": "lost"}),
    ("runbook_report", {"run_id": "one"}),
    ("schedules", {}),
    ("schedule_ticks", {}),
    ("schedule_ticks", {"limit": 1}),
]
#: Questions that are refused, and by what.
REFUSED: list[tuple[str, dict[str, Any], type[TradingKBError]]] = [
    ("strategies", {"workspace": "nowhere"}, UnknownWorkspaceError),
    ("history", {"trial_id": 10**9}, NotFoundError),
    ("trial_page", {"order": "luck"}, InvalidInputError),
    ("trial_page", {"after": "x"}, InvalidInputError),
    ("trial_page", {"ranges": {"sharpe_oos": (2, 1)}}, InvalidInputError),
    ("trial_page", {"ranges": {"symbol": (2, 3)}}, InvalidInputError),
    ("trial_count", {"ranges": {"sharpe_oos": ("a", None)}}, InvalidInputError),
    ("event_page", {"after": "x"}, InvalidInputError),
    ("event_page", {"since": "yesterday"}, InvalidInputError),
    ("event", {"request_id": "of nobody"}, NotFoundError),
    ("event", {"request_id": "none", "at": NOON}, NotFoundError),
    ("event_rates", {"since": "then"}, InvalidInputError),
    ("event_rates", {"by": ["luck"]}, InvalidInputError),
    ("event_rates", {"since": "2020-01-01", "bucket": "minute"}, InvalidInputError),
    ("rejections", {"workspace": "nowhere"}, UnknownWorkspaceError),
    ("recent_changes", {"since": "then"}, InvalidInputError),
    ("trial_density", {"workspace": "default", "strategy_name": "sma_cros"}, UnknownStrategyError),
    (
        "trial_density",
        {"workspace": "default", "strategy_name": "sma_cross", "x": "sharp"},
        InvalidInputError,
    ),
    (
        "param_grid",
        {"workspace": "default", "strategy_name": "sma_cross", "objective_type": "luck"},
        UnknownObjectiveError,
    ),
    (
        "param_grid",
        {"workspace": "default", "strategy_name": "sma_cross", "p": "fast", "q": "fast"},
        InvalidInputError,
    ),
    (
        "param_grid",
        {"workspace": "default", "strategy_name": "sma_cross", "p": "fats"},
        NotFoundError,
    ),
    ("runbook_run", {"run_id": "../one"}, NotFoundError),
    ("runbook_report", {"run_id": "of nobody"}, NotFoundError),
    ("runbook_report", {"run_id": "elsewhere"}, NotFoundError),
    ("runbook_runs", {"after": "x"}, InvalidInputError),
    ("runbook_runs", {"workspace": "nowhere"}, UnknownWorkspaceError),
]


def ids(cases: list[Any]) -> list[str]:
    return [f"{n}-{case[0]}" for n, case in enumerate(cases)]


def assert_same(here: Any, there: Any) -> None:
    """Equal, down to the types of columns and of numbers."""
    assert type(here) is type(there)
    if isinstance(here, pl.DataFrame):
        assert here.schema == there.schema
        # Sums of groups are added up by several threads, in any order: the last digit may move.
        assert_frame_equal(here, there, rel_tol=1e-12, abs_tol=1e-15)
    elif isinstance(here, dict):
        assert list(here) == list(there)
        for name, value in here.items():
            assert_same(value, there[name])
    elif isinstance(here, list | tuple):
        assert len(here) == len(there)
        for one, other in zip(here, there, strict=True):
            assert_same(one, other)
    else:
        assert here == there


@pytest.mark.parametrize(("method", "asked"), READS, ids=ids(READS))
def test_both_answer_alike(both: Both, method: str, asked: dict[str, Any]) -> None:
    assert_same(*(getattr(client, method)(**asked) for client in both))


@pytest.mark.parametrize(("method", "asked", "kind"), REFUSED, ids=ids(REFUSED))
def test_both_refuse_alike(
    both: Both, method: str, asked: dict[str, Any], kind: type[TradingKBError]
) -> None:
    here, there = (refusal(client, method, asked) for client in both)
    assert type(here) is type(there) is kind
    assert isinstance(here, InvalidInputError)
    assert isinstance(there, InvalidInputError)
    assert (here.message, here.field, here.row) == (there.message, there.field, there.row)
    assert there.remedy


def test_an_answer_with_the_name_of_a_route_is_not_taken_for_what_that_route_says(
    both: Both,
) -> None:
    for name in ("rates", "rejections", "summary"):
        assert isinstance(refusal(both.there, "event", {"request_id": name}), InvalidInputError)


def test_both_name_what_is_no_number_of_rows(both: Both) -> None:
    # Over HTTP the route refuses it, in its own words.
    for client in both:
        for limit in (0, 1001):
            told = refusal(client, "trial_page", {"limit": limit})
            assert isinstance(told, InvalidInputError)
            assert told.field == "limit"


def refusal(client: Client, method: str, asked: dict[str, Any]) -> TradingKBError:
    with pytest.raises(TradingKBError) as raised:
        getattr(client, method)(**asked)
    return raised.value


def test_every_method_of_the_protocol_is_compared_and_takes_the_same_arguments() -> None:
    methods = {name for name, f in vars(Client).items() if callable(f) and name[0] != "_"}
    for kind in (LocalClient, RemoteClient):
        assert methods <= set(dir(kind))
        for name in methods:
            assert signature(kind, name) == signature(Client, name), name
    elsewhere = {
        *("where", "close", "health", "ready", "problems", "freshness"),
        *("recommend", "answer_again", "regime", "curate", "start_runbook"),
    }
    assert methods - {method for method, _ in READS} == elsewhere


def signature(kind: type, name: str) -> str:
    return str(inspect.signature(getattr(kind, name)))


def test_pages_follow_each_other_to_the_same_end(both: Both) -> None:
    def walked(client: Client) -> pl.DataFrame:
        pages, after = [], None
        while True:
            rows, after = client.trial_page(
                where={"strategy_name": "sma_cross"},
                order="max_drawdown_oos",
                descending=False,
                limit=400,
                after=after,
            )
            pages.append(rows)
            if after is None:
                return pl.concat(pages)

    here, there = map(walked, both)
    assert here.height == both.here.trial_count(where={"strategy_name": "sma_cross"}) > 400
    assert_same(here, there)


def test_both_say_how_they_are(both: Both) -> None:
    assert_same(both.here.health(), both.there.health())
    here, there = (without(client.ready(), "duration_ms") for client in both)
    counted = there["checks"].pop("rate_limits")  # who asks a store itself is not counted
    assert counted["ok"]
    assert_same(here, there)


def test_both_say_what_is_wrong_and_how_fresh_it_is(both: Both) -> None:
    for workspace in ("default", "empty"):
        here, there = (client.problems(workspace) for client in both)
        assert_same(without(here, "at", "seconds"), without(there, "at", "seconds"))
        assert workspace == "empty" or here  # too many answers were none
        fresh, as_fresh = (client.freshness(workspace) for client in both)
        assert_same(without(fresh, "at"), without(as_fresh, "at"))
        assert fresh["last_ingest"] is None if workspace == "empty" else fresh["last_ingest"]


#: What two answers to one question differ in.
OWN = ("request_id", "at", "timings")
#: What is said in the words of what is asked.
WORDS = ("suggested_actions", "notes")


def without(value: Any, *names: str) -> Any:
    """The value without these facts, wherever they stand."""
    if isinstance(value, dict):
        return {k: without(v, *names) for k, v in value.items() if k not in names}
    return [without(v, *names) for v in value] if isinstance(value, list) else value


QUESTIONS: dict[str, Callable[[pl.DataFrame], dict[str, Any]]] = {
    "bars": lambda bars: {"ohlcv": bars, "symbol": "AAPL", "timeframe": "1d"},
    "bars as texts": lambda bars: {
        "ohlcv": bars.with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S")),
        "timeframe": "1d",
    },
    "a stated market": lambda bars: {"regime": ["uptrend"], "max_drawdown": 0.2},
    "features": lambda bars: {"regime": {"trend_strength": 0.5}},
    "filters that are too strict": lambda bars: {"min_trades": 100_000, "require_oos": True},
    "of then": lambda bars: {"as_of": "2025-06-01", "objective_type": "calmar"},
    "own trials": lambda bars: {
        "own_trials": [{"params": {"fast": 10, "slow": 50}, "sharpe_is": 1.0, "n_trades_is": 0}],
        "symbol": "AAPL",
    },
    "nothing but a name": lambda bars: {"ohlcv": None, "max_pbo": None},
}


@pytest.mark.parametrize("mode", ["full", "debug"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_both_recommend_alike(both: Both, question: str, mode: Any) -> None:
    asked = {"strategy_name": "sma_cross", **QUESTIONS[question](both.bars)}
    here, there = (client.recommend(dict(asked), mode=mode) for client in both)
    assert_same(without(here, *OWN, *WORDS), without(there, *OWN, *WORDS))
    assert [len(here[name]) for name in WORDS] == [len(there[name]) for name in WORDS]


@pytest.mark.parametrize("request_id", ["ok/1?%2F", "..", "none"])
def test_both_answer_again_alike_and_record_nothing(both: Both, request_id: str) -> None:
    n = both.here.event_page()[0].height
    here, there = (client.answer_again(request_id) for client in both)
    assert_same(without(here, *OWN, *WORDS), without(there, *OWN, *WORDS))
    assert here["then"]["request_id"] == request_id
    assert both.here.event_page()[0].height == n
    for client in both:
        with pytest.raises(NotFoundError):
            client.answer_again("of nobody")


def test_who_asks_is_recorded(both: Both) -> None:
    for client in both:
        told = client.recommend({"strategy_name": "sma_cross"})
        rows, _ = both.here.event_page(where={"request_id": told["request_id"]})
        assert rows["source"].to_list() == ["dashboard"]
        other = client.recommend({"strategy_name": "sma_cross", "source": "runbook"})
        rows, _ = both.here.event_page(where={"request_id": other["request_id"]})
        assert rows["source"].to_list() == ["runbook"]


BAD_QUESTIONS: list[tuple[dict[str, Any], type[TradingKBError], str]] = [
    ({}, InvalidInputError, "strategy_name"),
    ({"strategy_name": "sma_cros"}, UnknownStrategyError, "strategy_name"),
    ({"strategy_name": "sma_cross", "min_trade": 3}, InvalidInputError, "min_trade"),
    ({"strategy_name": "sma_cross", "max_drawdown": -1.0}, InvalidInputError, "max_drawdown"),
    ({"strategy_name": "sma_cross", "as_of": "then"}, InvalidInputError, "as_of"),
    (
        {"strategy_name": "sma_cross", "ohlcv": pl.DataFrame({"close": [1.0]})},
        InvalidOHLCVError,
        "ts",
    ),
]


@pytest.mark.parametrize(("question", "kind", "field"), BAD_QUESTIONS, ids=range(6))
def test_both_refuse_the_same_questions(
    both: Both, question: dict[str, Any], kind: type[TradingKBError], field: str
) -> None:
    for client in both:
        with pytest.raises(InvalidInputError) as raised:
            client.recommend(question)
        assert type(raised.value) is kind
        assert raised.value.field == field
        assert raised.value.remedy


def test_both_measure_the_same_regime(both: Both) -> None:
    here, there = (client.regime(both.bars, "AAPL", "1d") for client in both)
    assert here["tags"]
    assert_same(here, there)
    for client in both:
        with pytest.raises(InvalidOHLCVError):
            client.regime(both.bars.head(3), "AAPL", "1d")


def test_many_trials_are_curated_with_the_right_token_alone(changed: Both) -> None:
    rows, _ = changed.here.trial_page(limit=6)
    trials = rows["trial_id"].to_list()
    for n, client in enumerate(changed):
        chosen = trials[3 * n : 3 * n + 3]
        for wrong in (None, "", "another-token", "tökën"):
            with pytest.raises(InvalidInputError) as raised:
                client.curate("reject", chosen, reason="a slip", token=wrong)
            assert raised.value.field == "token"
        with pytest.raises(InvalidInputError, match="reason"):
            client.curate("reject", chosen, token=TOKEN)
        with pytest.raises(NotFoundError):
            client.curate("reject", [*chosen, 10**9], reason="a slip", token=TOKEN)
        with pytest.raises(InvalidInputError) as raised:
            client.curate("delete", chosen, token=TOKEN)  # type: ignore[arg-type]
        assert raised.value.field == "action"
        with pytest.raises(InvalidInputError):
            client.curate("reject", [], reason="a slip", token=TOKEN)
        tried = client.curate("reject", chosen, reason="a slip", dry_run=True, token=TOKEN)
        assert (tried["dry_run"], tried["changed"]) == (True, 3)
        assert client.trial_count(where={"kb_status": "rejected"}) == 3 * n
        done = client.curate("reject", chosen, reason="a slip", actor="night shift", token=TOKEN)
        assert done == {**tried, "dry_run": False, "actor": "night shift"}
        told = client.history(chosen[0])
        assert told.row(0, named=True)["actor"] == "night shift"


def test_a_runbook_is_started_with_the_right_token_alone(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any], str]] = []

    def start(settings: Any, name: str, parameters: dict[str, Any], *, actor: str) -> RunbookRun:
        asked.append((name, parameters, actor))
        return run_of(run_id="begun", state="starting", outcome=None, result=None)

    for module in ("tradingkb.client.runbooks_here", "tradingkb.service.routes.runbooks"):
        monkeypatch.setattr(import_module(module), "start_runbook", start)
    begun = []
    for client in both:
        for wrong in (None, "", "another-token", "tökën"):
            with pytest.raises(InvalidInputError) as raised:
                client.start_runbook("06_bring_in", {}, token=wrong)
            assert raised.value.field == "token"
        with pytest.raises(InvalidInputError) as raised:
            client.start_runbook("06_bring_in", {"dry_run": False}, token=TOKEN)
        assert raised.value.field == "parameters"
        assert asked == []
        begun.append(client.start_runbook("06_bring_in", {"n": 1}, token=TOKEN))
        client.start_runbook("06_bring_in", {}, dry_run=False, actor="ada", token=TOKEN)
        assert asked == [
            ("06_bring_in", {"n": 1, "dry_run": True}, "dashboard"),
            ("06_bring_in", {"dry_run": False}, "ada"),
        ]
        asked.clear()
    times = ("started_at", "heartbeat_at", "ended_at")
    assert_same(*(without(one, *times) for one in begun))


def test_without_a_token_of_the_operator_nothing_is_changed(sample_home, bars, tmp_path) -> None:
    home = shutil.copytree(sample_home, tmp_path / "home")
    with listening(home, admin_token=None) as url, tkb.connect(home, progress=False) as kb:
        there = RemoteClient(url)
        for client in (LocalClient(kb), there):
            with pytest.raises(ConfigurationError, match="ADMIN_TOKEN"):
                client.curate("promote", [1], token=TOKEN)
            with pytest.raises(ConfigurationError, match="ADMIN_TOKEN"):
                client.start_runbook("06_trial_ingestion", {}, token=TOKEN)
        there.close()


def test_what_is_asked_is_named_without_path_or_secret(both: Both) -> None:
    assert both.here.where() == "embedded store"
    assert both.there.where().startswith("127.0.0.1:")
