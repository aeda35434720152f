"""The command line as a user types it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

import tradingkb as tkb
from tradingkb.cli.app import app
from tradingkb.cli.output import EPILOG, EXIT_CODES
from tradingkb.plain import STRUCTURES
from tradingkb.settings.model import Settings
from tradingkb.stores import schema

Run = Callable[..., Result]
MARKET = "data/ohlcv/AAPL_1d.parquet"
ASK = f"recommend bb_reversal --ohlcv {MARKET}"
EVERY_COMMAND = {
    "config": list,
    "events": list,
    "ingest": dict,
    "init": None,
    "recommend bb_reversal --symbol AAPL --timeframe 1d": dict,
    f"recommend-many --strategy macd_trend --ohlcv {MARKET}": list,
    f"explain macd_trend --param fast=6 --ohlcv {MARKET}": dict,
    f"regime {MARKET}": dict,
    "strategies": list,
    "trials --limit 3": list,
    "workspaces": list,
    # what counts
    "promote --strategy sma_cross --dry-run": dict,
    "reject --strategy sma_cross --reason bug --dry-run": dict,
    "archive --strategy sma_cross --dry-run": dict,
    "history": list,
    "runs": list,
    "withdraw {run} --reason bug --dry-run": dict,
    "reinstate {run} --dry-run": dict,
    "seen few.parquet": list,
    # long work
    "jobs": list,
    "jobs --work": list,
    "leases": list,
    # upkeep
    "reconcile": dict,
    "activate": dict,
    "backup backup.tkb": dict,
    "prune": dict,
    "rollups": dict,
    "collections": list,
    "snapshots": list,
    # quality
    "evaluate --strategy sma_cross --symbol AAPL --max-decisions 5": dict,
}
#: Tried in test_administration.py, on stores that they may change.
ELSEWHERE = {
    "calibrate",
    "compare-models",
    "demo",
    "drop-collection",
    "drop-snapshot",
    "job",
    "migrate_store",
    "problems",
    "pull-model",
    "recover",
    "reembed",
    "restore",
    "serve",
    "snapshot",
}


@pytest.fixture(scope="module")
def few_trials(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of fifty trials."""
    path = tmp_path_factory.mktemp("few") / "few.parquet"
    pl.read_parquet(data / "trials.parquet", n_rows=50).write_parquet(path)
    return path


@pytest.fixture(autouse=True)
def _quiet_surroundings(monkeypatch, tmp_path, data, few_trials):
    """An own folder with the repository's data in it, no setting from outside, no handler left."""
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(data, target_is_directory=True)
    shutil.copy(few_trials, "few.parquet")
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)


@pytest.fixture(scope="module")
def read_only_home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that the tests of this module share; they add nothing but events."""
    return Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("cli") / "home"))


@pytest.fixture(scope="module")
def small_home(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of some trials of three strategies, for commands that go through all there are."""
    home = tmp_path_factory.mktemp("small") / "home"
    strategies = ["bb_reversal", "macd_trend", "sma_cross"]
    number = pl.col("source_id").str.split(":").list.last().cast(pl.Int32)
    trials = pl.read_parquet(data / "trials.parquet").filter(
        pl.col("symbol") == "AAPL", pl.col("strategy_name").is_in(strategies), number < 12
    )
    with tkb.connect(home, progress=False) as kb:
        kb.register_strategy(data / "strategies")
        kb.ingest(trials, ohlcv=data / "ohlcv")
        kb.recommend("bb_reversal", symbol="AAPL", timeframe="1d")
        kb.promote(kb.trials(limit=1)["trial_id"])
        kb.submit_job("ingest")
    return home


def runner(store: Path) -> Run:
    """What runs a command line against a store."""

    def call(line: str, home: Path | str | None = store, **env: str) -> Result:
        place = ["--home", str(home)] if home is not None else []
        if "{run}" in line:
            with tkb.connect(store, progress=False) as kb:
                line = line.format(run=kb.runs()["run_id"][0])
        return CliRunner().invoke(app, [*place, *shlex.split(line)], env=env)

    return call


@pytest.fixture
def run(read_only_home: Path) -> Run:
    """Runs a command line against the sample store."""
    return runner(read_only_home)


@pytest.fixture
def run_small(small_home: Path) -> Run:
    """Runs a command line against the small store."""
    return runner(small_home)


def as_process(line: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, with pipes for output."""
    return subprocess.run(
        [sys.executable, "-m", "tradingkb", "--home", str(home), *shlex.split(line)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


def the_error(result: Result, code: int) -> str:
    """The one line on stderr of a command that failed with this code."""
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


# --- what commands print --------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "kind"), [(k, v) for k, v in EVERY_COMMAND.items() if v])
def test_json_is_one_document_on_stdout_and_nothing_else(run_small, line, kind):
    result = run_small(f"{line} --json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert isinstance(json.loads(result.stdout), kind)


@pytest.mark.parametrize("line", EVERY_COMMAND)
def test_every_command_also_speaks_to_people(run_small, line):
    result = run_small(line)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.strip()


def test_every_command_is_tried_here():
    tried = {line.split()[0] for line in EVERY_COMMAND}
    assert (
        tried
        == {command.name or command.callback.__name__ for command in app.registered_commands}
        - ELSEWHERE
    )


def test_the_answer_for_machines_is_the_one_of_the_library(run, sample):
    printed = json.loads(run(f"{ASK} --json").stdout)
    answer = sample.recommend("bb_reversal", ohlcv=MARKET).to_dict()
    same = set(answer) - {"at", "request_id", "timings"}
    assert set(printed) == set(answer)
    assert {k: printed[k] for k in same} == json.loads(json.dumps({k: answer[k] for k in same}))


def test_structures_that_the_store_keeps_as_text_are_structures_in_json(run):
    trial = json.loads(run("trials --limit 1 --json").stdout)[0]
    assert isinstance(trial["params"], dict)
    assert trial["regime_oos"]["source"] == "measured"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", trial["known_at"])


def test_options_reach_the_question(run):
    line = f"{ASK} --max-drawdown 0.2 --min-trades 7 --max-overfit-gap 0.1 --regime-tag uptrend"
    answer = json.loads(run(f"{line} --as-of 2010-01-01 --debug --json").stdout)
    thresholds = {r["filter"]: r["value"] for r in answer["filter_rejections"]}
    assert thresholds == {
        "require_oos": True,
        "max_drawdown": 0.2,
        "min_trades": 7,
        "max_overfit_gap": 0.1,
        "regime_tags": ["uptrend"],
    }
    assert answer["as_of"] == "2010-01-01T00:00:00.000000Z"
    assert "debug" in answer


@pytest.mark.parametrize(
    "line",
    [
        "--regime uptrend --regime low_volatility",
        "--regime uptrend,low_volatility",
        "--regime rsi=65 --regime atr_pct=0.02",
    ],
)
def test_a_stated_regime_is_said_to_be_stated(run, line):
    asked = f"recommend bb_reversal {line} --symbol AAPL --timeframe 1d"
    assert json.loads(run(f"{asked} --json").stdout)["regime"]["source"] == "stated"
    assert "STATED by you" in run(asked).stdout


def test_an_event_is_recorded_for_each_answer(run):
    before = len(json.loads(run("events --limit 1000 --json").stdout))
    printed = json.loads(run(f"{ASK} --json").stdout)
    events = json.loads(run("events --limit 1000 --json").stdout)
    assert len(events) == before + 1
    assert events[0]["request_id"] == printed["request_id"]
    assert (events[0]["source"], events[0]["status"]) == ("cli", printed["status"])
    assert run("events --status none --strategy sma_cross --json").stdout.strip() == "[]"


def test_the_table_of_many_answers_is_also_written_as_csv(run):
    asked = pl.DataFrame({"strategy_name": ["macd_trend", "sma_cross"], "symbol": ["IBM", None]})
    asked.write_csv("asked.csv")
    printed = json.loads(run("recommend-many --questions asked.csv --csv out.csv --json").stdout)
    table = pl.read_csv("out.csv", infer_schema_length=None).to_dicts()
    assert [row["strategy_name"] for row in printed] == ["macd_trend", "sma_cross"]
    assert [row["expected"] for row in table] == [row["expected"] for row in printed]
    assert [row["warnings"] for row in table] == [",".join(row["warnings"]) for row in printed]
    assert [json.loads(row["params"]) for row in table] == [row["params"] for row in printed]


def test_a_bad_question_among_many_exits_with_6_after_the_others_are_answered(run):
    result = run(f"recommend-many --strategy macd_trend --strategy nope --ohlcv {MARKET} --json")
    assert result.exit_code == 6
    assert [row["status"] for row in json.loads(result.stdout)] == ["ok", "error"]
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: 1 of 2 questions have no answer; the first is row 2: ")


# --- exit codes -----------------------------------------------------------------------------------


def test_the_help_names_every_exit_code():
    codes = {int(code) for code in re.findall(r"[:;] (\d)", EPILOG)}
    assert codes == {0, 5, 6, 7, 8, 9} | {code for _, code in EXIT_CODES}


@pytest.mark.parametrize(
    ("line", "says", "remedy"),
    [
        ("recommend bb_reversl", "unknown strategy_name 'bb_reversl'", "did you mean bb_reversal"),
        ("recommend bb_reversal --objective sharp", "objective_type", "did you mean sharpe"),
        ("recommend bb_reversal --ohlcv none.parquet", "none.parquet", "check the path"),
        (f"{ASK} --max-drawdown 25", "max_drawdown", "25 % is 0.25"),
        (f"{ASK} --as-of yesterday", "as_of: 'yesterday' is no time", "ISO 8601"),
        ("recommend bb_reversal --regime uptrend,rsi=60", "--regime", "state tags"),
        ("recommend bb_reversal --regime uptrend,downtrend", "contradict", "one of the two"),
        ("recommend bb_reversal --regime rsi=high", "--regime", "give numbers"),
        (f"{ASK} --regime-tag up", "unknown regime tag 'up'", "uptrend"),
        ("trials --workspace nobody", "unknown workspace 'nobody'", "known: default"),
        ("ingest none.parquet", "none.parquet does not exist", "check the path"),
        ("ingest data/trials.parquet --map sharpe_is", "--map", "--map sharpe_is=is_sharpe"),
        ("ingest data/trials.parquet --map sharp_is=x", "'sharp_is'", "did you mean sharpe_is"),
        ("ingest data/trials.parquet --map sharpe_is=is", "column 'is'", "sharpe_is"),
        (
            "ingest data/trials.parquet --set engine=mine --set objective_type=sharp",
            "objective_type: the constant 'sharp' is not known",
            "use one of sharpe",
        ),
        ("ingest data/trials.parquet --map-file none.toml", "--map-file", "none.toml"),
        ("regime data/trials.parquet", "no column for ts", "rename the columns"),
        ("workspaces --create default", "exists already", "another slug"),
        ("init --workspace 'My Trials'", "is no slug", "lower-case"),
        (
            "workspaces --create 7d9f4a52-0000-4000-8000-00000000000a",
            "has the form of an id",
            "choose a name",
        ),
        ("strategies --register none.toml", "none.toml", "cannot be read"),
        ("explain macd_trend --params {fast", "no JSON", '"fast": 10'),
        ("explain macd_trend --param fast", "not of the form name=value", "--param fast=10"),
        ("explain macd_trend --param fast=1 --param fast=2", "is given twice", "--param fast=10"),
        ("explain macd_trend --params {} --param fast=1", "both given", "in one of them"),
        ("explain macd_trend --param fsat=6", "unknown parameter 'fsat'", "did you mean fast"),
        ("explain macd_trend --param fast=six", "fast = 'six' is a text", "a number"),
        ("recommend-many", "nothing is asked", "name strategies"),
        ("recommend-many --questions none.csv", "none.csv", "that exists"),
        ("recommend-many --strategy nope --strict", "row 1: ", "tradingkb strategies"),
    ],
)
def test_input_that_cannot_be_used_exits_with_2_and_the_remedy(run, line, says, remedy):
    error = the_error(run(line), 2)
    assert says in error
    assert remedy in error


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("events --status good", "invalid value for '--status': 'good' is not one of 'ok', "),
        ("trials --status new", "is not one of 'candidate', 'promoted', 'rejected'"),
        ("trials --limit 0", "greater than or equal to 1"),
        ("trials --limt 3", "no such option: --limt, did you mean --limit?"),
        ("ingest --map", "option '--map' requires an argument"),
        ("recommend", "missing argument 'strategy'"),
        ("withdraw", "missing argument 'run'"),
        ("recomend x", "no such command 'recomend', did you mean 'recommend', 'recommend-many', "),
        ("nonsense", "tradingkb --help lists what there is"),
    ],
)
def test_a_command_that_is_mistyped_exits_with_2_and_near_names_in_one_line(run, line, says):
    assert says in the_error(run(line), 2)


def test_help_is_help_and_no_error():
    for arguments in ([], ["--help"], ["reject", "--help"]):
        result = CliRunner().invoke(app, arguments)
        assert "Usage:" in result.output
        assert "error:" not in result.output


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"TRADINGKB_TOP_K": "many"}, "TRADINGKB_TOP_K = 'many'"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT = 'xml'"),
        ({"DATABASE_URL": "nonsense"}, "setting DATABASE_URL: is no SQLAlchemy URL"),
        ({"DATABASE_URL": "cobol://me:sesame@host/x"}, "is no SQLAlchemy URL"),
    ],
)
def test_a_setting_that_cannot_be_used_exits_with_3_and_keeps_passwords(run, env, says):
    error = the_error(run("trials", **env), 3)
    assert says in error
    assert "sesame" not in error


def test_an_unwritable_home_exits_with_3_and_names_the_way_out(run):
    Path("file").touch()
    for home in ("file", "file/below"):
        assert "TRADINGKB_HOME" in the_error(run("init", home=home), 3)


def test_a_file_that_is_no_store_exits_with_3_and_is_left_alone(run):
    Path("home").mkdir()
    Path("home/tradingkb.db").write_bytes(b"my only copy")
    assert "move the file away" in the_error(run("trials", home="home"), 3)
    assert Path("home/tradingkb.db").read_bytes() == b"my only copy"


def test_a_database_that_does_not_answer_exits_with_4_in_one_line_without_its_password(run):
    url = "postgresql+psycopg://me:sesame@127.0.0.1:9/x?connect_timeout=1"
    error = the_error(run("trials", DATABASE_URL=url, QDRANT_URL=":memory:"), 4)
    assert "did not answer" in error
    assert "sesame" not in error


def test_no_answer_exits_with_5_and_is_still_printed(run):
    result = run(f"{ASK} --max-drawdown 0.001 --min-trades 60 --json")
    assert (result.exit_code, result.stderr) == (5, "")
    assert json.loads(result.stdout)["status"] == "none"


def test_a_surprise_exits_with_1_in_one_line_and_shows_its_trace_only_on_demand(run, monkeypatch):
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("tradingkb.knowledge_base.KnowledgeBase.trials", explode)
    result = run("trials")
    assert result.exit_code == 1
    assert result.stderr.startswith("unexpected error: ZeroDivisionError: two lines (please")
    assert isinstance(run("--log-level debug trials").exception, ZeroDivisionError)


# --- ingest ---------------------------------------------------------------------------------------


@pytest.fixture
def mine(data) -> pl.DataFrame:
    """A few trials as a user's own table: other names, one name per parameter left as it is."""
    few = pl.read_parquet(data / "trials.parquet").head(20)
    return few.drop("objective_type", "strategy_name").rename(
        {"source_id": "run", "sharpe_is": "train", "sharpe_oos": "test"}
    )


OPTIONS = (
    "--map source_id=run --map sharpe_is=train --map sharpe_oos=test "
    "--set strategy_name=mine --set objective_type=sharpe --set cost_bps=2.5"
)
TOML = """
[map]
source_id = "run"
sharpe_is = "train"
sharpe_oos = "nothing"
[set]
strategy_name = "mine"
objective_type = "sharpe"
cost_bps = 2.5
"""


def test_a_mapping_file_that_is_not_utf8_exits_with_2(run):
    Path("map.toml").write_bytes(b'[set]\nengine = "caf\xe9"\n')
    result = run("ingest data/trials.parquet --map-file map.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "map.toml cannot be read" in result.stderr


@pytest.mark.parametrize("how", [OPTIONS, "--map-file map.toml --map sharpe_oos=test"])
def test_columns_are_mapped_by_options_and_by_a_file_and_options_win(run, mine, how):
    mine.write_parquet("mine.parquet")
    Path("map.toml").write_text(TOML, encoding="utf-8")
    report = json.loads(run(f"ingest mine.parquet {how} --json", home="own").stdout)
    assert (report["inserted"], report["error"]) == (20, 0)
    stored = json.loads(run("trials --json", home="own").stdout)
    assert {t["strategy_name"] for t in stored} == {"mine"}
    assert {t["cost_bps"] for t in stored} == {2.5}
    assert sorted(t["sharpe_oos"] for t in stored) == sorted(mine["test"])


def test_a_dry_run_says_what_would_happen_and_writes_nothing(run, mine):
    mine.write_parquet("mine.parquet")
    result = run(f"ingest mine.parquet {OPTIONS} --dry-run", home="own")
    assert result.stdout.startswith("dry run, nothing written: mine.parquet: 20 inserted")
    assert json.loads(run("workspaces --json", home="own").stdout) == []


def test_a_bad_row_exits_with_6_and_the_good_ones_go_in(run, mine):
    bad = pl.when(pl.col("run") == mine["run"][4]).then(25.0).otherwise("max_drawdown_frac_oos")
    mine.with_columns(bad.alias("max_drawdown_frac_oos")).write_csv("mine.csv")
    result = run(f"ingest mine.csv {OPTIONS} --json", home="own")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["inserted"], report["error"]) == (6, 19, 1)
    assert (report["rejects"][0]["row"], report["rejects"][0]["field"]) == (
        5,
        "max_drawdown_frac_oos",
    )
    rejects = Path(report["rejects_path"])
    rejects.write_text(rejects.read_text().replace("25.0", "0.25"))
    corrected = json.loads(run(f"ingest {rejects} {OPTIONS} --json", home="own").stdout)
    assert (corrected["inserted"], corrected["error"]) == (1, 0)
    refused = the_error(run(f"ingest mine.csv {OPTIONS} --strict", home="other"), 2)
    assert "row 5, max_drawdown_frac_oos" in refused
    assert json.loads(run("trials --json --workspace default", home="own").stdout) != []


# --- settings -------------------------------------------------------------------------------------


def settings_of(result: Result) -> dict[str, tuple[object, str]]:
    rows = json.loads(result.stdout)
    return {row["setting"]: (row["value"], row["source"]) for row in rows}


def test_config_says_where_each_value_came_from(run, monkeypatch):
    Path(".env").write_text("TRADINGKB_TOP_K=7\nEMBED_DIM=32\n", encoding="utf-8")
    monkeypatch.setenv("EMBED_DIM", "16")
    shown = settings_of(run("config --json", home="there"))
    assert shown["TRADINGKB_HOME"] == ("there", "argument")
    assert shown["EMBED_DIM"] == (16, "environment")
    assert shown["TRADINGKB_TOP_K"] == (7, ".env")
    assert shown["TRADINGKB_TIE_EPSILON"] == (0.02, "default")


def test_config_names_what_the_file_misspells_and_works_on(run):
    """A misspelt setting is not in force, and nothing else says so."""
    text = "DATABSE_URL=sesame\n# QDRANT_UR=x\nPOSTGRES_PASSWORD=sesame\nEMBED_DIM=32\n"
    Path(".env").write_text(text, encoding="utf-8")
    result = run("config --json")
    assert settings_of(result)["EMBED_DIM"] == (32, ".env")
    warning = "warning: .env sets DATABSE_URL, which is no setting: did you mean DATABASE_URL?"
    assert result.stderr.splitlines() == [warning]


def test_the_home_is_never_the_users_home_folder(run, monkeypatch):
    monkeypatch.setenv("HOME", str(Path("elsewhere").resolve()))
    monkeypatch.setenv("COLLECTION", "of_somebody_else")
    shown = settings_of(run("config --json", home=None))
    assert shown["TRADINGKB_HOME"] == (".tradingkb", "default")
    assert shown["QDRANT_COLLECTION_ACTIVE"] == (None, "default")


def test_config_masks_what_is_secret(run):
    secret = {
        "QDRANT_API_KEY": "sesame",
        "QDRANT_URL": "https://me:sesame@qdrant",
        "OLLAMA_HOST": "me:sesame@ollama:11434",
        "DATABASE_URL": "postgresql+psycopg://me:sesame@host/x",
    }
    for line in ("config", "config --json"):
        assert "sesame" not in run(line, **secret).output
    shown = settings_of(run("config --json", **secret))
    assert shown["DATABASE_URL"] == ("postgresql+psycopg://me:***@host/x", "environment")


# --- pipes and logs -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logged(read_only_home: Path, data: Path) -> str:
    """What a degraded answer writes to stderr of a process whose time zone is not UTC."""
    line = f"recommend bb_reversal --ohlcv {data / 'ohlcv' / 'AAPL_1d.parquet'} --min-trades 150"
    return as_process(line, read_only_home, LOG_LEVEL="INFO", TZ="Asia/Tokyo").stderr


@pytest.mark.parametrize(
    "pattern",
    [
        "event=kb_recommend_start .*strategy=bb_reversal",
        "event=kb_recommend_complete .*strategy=bb_reversal",
        "status=degraded",
        "strict_to_relaxed=true",
        "metadata_only=false",
        r"after_strict=7 after_relaxed=16",
        "reasons=strict_to_relaxed",
        r"kb_tiebreak_applied_total rule=\w+ count=\d+ workspace_id=[0-9a-f-]{36} strategy=bb_rev",
    ],
)
def test_grep_finds_in_the_log_what_the_runbooks_look_for(logged, pattern):
    assert re.search(pattern, logged)


def test_a_measured_regime_and_the_log_say_times_in_the_one_form(logged, run):
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
    found = json.loads(run(f"regime {MARKET} --json").stdout)
    stamps = re.findall(r"timestamp=(\S+)", logged)
    assert stamps
    assert all(form.fullmatch(text) for text in (found["start"], found["end"], *stamps))


def test_log_times_are_utc_as_those_of_the_recorded_events(logged, run):
    line = next(line for line in logged.splitlines() if "kb_recommend_complete" in line)
    stamp, request_id = re.search(r"timestamp=(\S+Z) .*request_id=(\S+)", line).groups()
    events = json.loads(run("events --limit 1000 --json").stdout)
    at = next(e["at"] for e in events if e["request_id"] == request_id)
    apart = datetime.fromisoformat(stamp) - datetime.fromisoformat(at)
    assert abs(apart) < timedelta(minutes=1)


def test_in_pipes_there_is_no_progress_bar_and_json_logs_are_json_lines(mine, tmp_path):
    mine.write_parquet("mine.parquet")
    done = as_process(
        f"ingest mine.parquet {OPTIONS}", tmp_path / "own", LOG_LEVEL="INFO", LOG_FORMAT="json"
    )
    assert (done.returncode, done.stdout.count("\n")) == (0, 2)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {(e["action"], e["count"]) for e in lines if e["event"] == "kb_ingest_action_total"} == {
        ("inserted", 20),
        ("updated", 0),
        ("skipped", 0),
        ("unarchived", 0),
        ("error", 0),
    }


def test_a_reader_that_leaves_early_is_no_error(read_only_home):
    line = f"{shlex.quote(sys.executable)} -m tradingkb --home {shlex.quote(str(read_only_home))}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} trials --limit 5000 --json | head -n 1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[\n", "")


def test_every_json_column_of_a_table_that_is_listed_is_a_structure_for_machines():
    listed = [schema.recommend_events, schema.ingest_runs, schema.trials]
    names = {c.name for t in listed for c in t.columns if isinstance(c.type, sa.JSON)}
    assert "counts" in names
    assert names <= STRUCTURES


def test_a_table_shows_lists_by_their_words(run):
    said = run("collections", COLUMNS="200").output
    assert "kb_trials" in said
    assert "[" not in said
