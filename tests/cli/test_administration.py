"""Administration from the command line: the same reports, and exit codes that scripts rely on."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import tradingkb as tkb
from tradingkb.cli.app import app
from tradingkb.settings.model import Settings
from tradingkb.testing.ollama_server import OllamaServer

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _quiet_surroundings(monkeypatch, tmp_path):
    """An own folder, no setting from outside, and no handler or level that a command leaves."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)


@pytest.fixture(scope="module")
def small_home(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with forty trials of two runs, and regimes."""
    home = tmp_path_factory.mktemp("small") / "home"
    trials = pl.read_parquet(data / "trials.parquet").filter(pl.col("symbol") == "AAPL").head(40)
    with tkb.connect(home, progress=False) as kb:
        kb.ingest(trials.head(20), ohlcv=data / "ohlcv")
        kb.ingest(trials.tail(20), ohlcv=data / "ohlcv")
    return home


@pytest.fixture
def home(small_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_home, tmp_path / "home"))


@pytest.fixture
def run(home: Path) -> Run:
    def call(line: str, at: Path = home, **env: str) -> Result:
        return CliRunner().invoke(app, ["--home", str(at), *shlex.split(line)], env=env)

    return call


def told(result: Result, code: int = 0) -> Any:
    assert (result.exit_code, result.stderr) == (code, ""), result.output
    return json.loads(result.stdout)


def trials(run: Run) -> list[dict[str, Any]]:
    return told(run("trials --limit 100 --json"))


@pytest.mark.parametrize("key", ["trial_id", "source_id"])
def test_trials_are_named_by_the_ids_that_the_table_shows(run: Run, key: str) -> None:
    names = [str(row[key]) for row in trials(run)[:3]]
    report = told(run(f"reject {shlex.join(names)} --reason 'a bug' --actor ann --json"))
    assert (report["changed"], report["actor"]) == (3, "ann")
    rejected = [str(row[key]) for row in trials(run) if row["kb_status"] == "rejected"]
    assert sorted(rejected) == sorted(names)
    (first, *_) = told(run("history --json"))
    assert (first["actor"], first["reason"], first["to_status"]) == ("ann", "a bug", "rejected")


def test_source_ids_may_be_numbers(run: Run, tmp_path: Path, data: Path) -> None:
    few = pl.read_parquet(data / "trials.parquet").head(2)
    few.with_columns(pl.Series("source_id", ["1", "2"])).write_parquet("n.parquet")
    other = tmp_path / "other"
    told(run("ingest n.parquet --json", other))
    assert told(run("reject 2 --by-source-id --reason bug --json", other))["changed"] == 1
    assert [
        row["kb_status"] for row in told(run("trials --json", other)) if row["source_id"] == "2"
    ] == ["rejected"]


def test_filters_select_and_a_dry_run_writes_nothing(run: Run) -> None:
    strategy = trials(run)[0]["strategy_name"]
    line = f"promote --strategy {strategy} --symbol AAPL --timeframe 1d --status candidate"
    report = told(run(f"{line} --dry-run --json"))
    assert report["dry_run"]
    assert report["changed"] == sum(row["strategy_name"] == strategy for row in trials(run)) > 0
    assert {row["kb_status"] for row in trials(run)} == {"candidate"}
    assert "dry run, nothing written" in run(f"{line} --dry-run").stdout


def test_without_ids_and_filters_nothing_is_selected(run: Run) -> None:
    for command in ("promote", "reject --reason bug", "archive"):
        result = run(command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--strategy" in result.stderr


def test_a_run_is_withdrawn_and_reinstated_by_the_id_that_the_table_shows(run: Run) -> None:
    ids = [row["run_id"] for row in told(run("runs --json"))]
    assert all(run_id in run("runs").stdout for run_id in ids)
    assert told(run(f"withdraw {ids[0]} --reason 'a bug' --json"))["changed"] == 20
    again = run(f"reinstate {ids[0]} --json")
    assert told(again)["changed"] == 20
    result = run("withdraw nonsense --reason bug")
    assert result.exit_code == 2
    assert "tradingkb runs" in result.stderr


def test_experiments_that_were_run_already_are_seen(run: Run, data: Path) -> None:
    aapl = pl.read_parquet(data / "trials.parquet").filter(pl.col("symbol") == "AAPL")
    aapl[38:42].write_parquet("new.parquet")
    rows = told(run("seen new.parquet --json"))
    assert [(row["row"], row["seen"]) for row in rows] == [
        (1, True),
        (2, True),
        (3, False),
        (4, False),
    ]


def test_people_see_the_first_rows_and_how_many_there_are(run: Run, data: Path) -> None:
    pl.read_parquet(data / "trials.parquet").head(25).write_parquet("many.parquet")
    shown = run("seen many.parquet --limit 3").stdout
    assert "25 of 25 have been run already" in shown
    assert "22 more rows: --limit shows them, --json has all" in shown


def test_rows_of_a_withdrawn_run_come_back_only_when_readmitted(run: Run, data: Path) -> None:
    (newest, _) = told(run("runs --json"))
    told(run(f"withdraw {newest['run_id']} --reason bug --json"))
    aapl = pl.read_parquet(data / "trials.parquet").filter(pl.col("symbol") == "AAPL")
    aapl[20:40].write_parquet("same.parquet")
    shown = run("ingest same.parquet")
    assert shown.exit_code == 0
    assert "--readmit" in shown.stdout
    assert told(run("reconcile --json"))["before"][0]["expected"] == 20
    told(run("ingest same.parquet --readmit --json"))
    assert told(run("reconcile --json"))["before"][0]["expected"] == 40


def test_an_id_of_another_experiment_is_refused_until_it_is_to_be_replaced(
    run: Run, data: Path
) -> None:
    aapl = pl.read_parquet(data / "trials.parquet").filter(pl.col("symbol") == "AAPL")
    aapl.head(2).with_columns(symbol=pl.lit("MSFT")).write_parquet("other.parquet")
    shown = run("ingest other.parquet")
    assert shown.exit_code == 6
    assert "is the id of another experiment" in shown.stdout
    assert "--replace takes these rows" in shown.stdout
    assert "--set source_type=" in shown.stdout
    assert run("ingest other.parquet --dry-run").exit_code == 6
    assert told(run("ingest other.parquet --replace --json"))["updated"] == 2


def test_differences_exit_with_7_until_they_are_repaired(run: Run, home: Path) -> None:
    assert told(run("reconcile --json"))["clean"]
    with tkb.connect(home, progress=False) as kb:
        (space,) = kb.workspaces().to_dicts()
        points = kb.use_cases.indexer.vectors.points(space["collection"], space["id"])[
            "point_id"
        ].head(3)
        kb.use_cases.indexer.vectors.delete(space["collection"], points.to_list())
    assert told(run("reconcile --json"), 7)["before"][0]["missing"] == 3
    assert run("reconcile").exit_code == 7
    assert told(run("reconcile --repair --json"))["clean"]
    assert run("reconcile --workspace default").exit_code == 0


def test_a_flipped_bit_exits_with_7_until_its_source_is_ingested_again(
    run: Run, home: Path, data: Path
) -> None:
    assert told(run("reconcile --deep --json"))["content"]["sound"]
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection:
        connection.execute("UPDATE trials SET objective_score = objective_score + 1 WHERE id = 3")
        connection.commit()
    assert run("reconcile").exit_code == 0
    found = told(run("reconcile --deep --json"), 7)
    assert [row["trial_id"] for row in found["content"]["first"]] == [3]
    shown = run("reconcile --deep")
    assert shown.exit_code == 7
    assert "have these trials marked by --repair" in shown.stdout
    assert run("reconcile --deep --repair").exit_code == 7
    same = pl.read_parquet(data / "trials.parquet").filter(pl.col("symbol") == "AAPL").head(40)
    same.write_parquet("same.parquet")
    assert told(run("ingest same.parquet --replace --json"))["updated"] == 1
    assert told(run("reconcile --deep --json"))["clean"]


def test_a_workspace_is_moved_to_another_model_and_back(run: Run) -> None:
    target = "--model regime-cosine-v1"
    refused = run(f"activate {target}")
    assert refused.exit_code == 3
    line = refused.stderr.partition("with tradingkb ")[2].strip()
    assert line.startswith("reembed --workspace default --model regime-cosine-v1 --collection")
    assert told(run(f"{line} --json"))["embedded"] == 40
    shown = run(f"activate {target}").stdout
    assert "searches kb_regime_cosine_v1_v1" in shown
    back = shown.partition("the way back: tradingkb ")[2].strip()
    assert told(run(f"{back} --json"))["collection"] == "kb_regime_v1_v1"
    assert run("reembed").stdout.startswith("40 trials of workspace default embedded")


def test_models_are_compared_as_a_table_and_as_a_document(run: Run) -> None:
    shown = run("compare-models regime-v1 regime-cosine-v1")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "dimension" in shown.stdout
    assert "with a regime are too few" in shown.stdout
    form = told(run("compare-models regime-v1 regime-cosine-v1 --workspace default --json"))
    assert [form[model]["dimension"] for model in ("a", "b")] == [64, 32]
    assert run("compare-models regime-v1 nobody").exit_code == 3


def test_a_collection_is_kept_dropped_and_recovered_by_commands(run: Run) -> None:
    name = "kb_regime_v1_v1"
    kept = told(run("snapshot --json"))
    assert (kept["collection"], kept["points"]) == (name, 40)
    (listed,) = told(run("snapshots --json"))
    assert listed["snapshot"] == kept["snapshot"]
    refused = run(f"drop-collection {name}")
    assert refused.exit_code == 3
    assert "activate another one first, or drop it with --force" in refused.stderr
    dropped = run(f"drop-collection {name} --force").stdout
    assert "collection kb_regime_v1_v1 is dropped, with 40 points" in dropped
    assert "run tradingkb" not in dropped
    shown = run(f"recover {kept['snapshot']}").stdout
    assert "40 of them current" in shown
    line = shown.partition("no workspace searches it yet: tradingkb ")[2].strip()
    assert told(run(f"{line} --json"))["missing"] == 0
    (now,) = told(run("collections --json"))
    assert (now["collection"], now["active_for"]) == ("kb_regime_v1_v2", ["default"])
    assert "kb_regime_v1_v2" in run("collections").stdout
    nothing = run("recover nothing --json")
    assert nothing.exit_code == 2
    assert "tradingkb snapshots lists them" in nothing.stderr
    gone = told(run(f"drop-snapshot {kept['snapshot']} --json"))
    assert gone == {"snapshot": kept["snapshot"], "collection": name}


def test_a_backup_restores_into_another_home(run: Run, tmp_path: Path) -> None:
    shown = run("backup kb.tkb")
    assert (shown.exit_code, shown.stdout[:13]) == (0, "backup kb.tkb")
    again = run("backup kb.tkb")
    assert again.exit_code == 2
    assert "--replace" in again.stderr
    assert told(run("backup kb.tkb --replace --json"))["rows"]["trials"] == 40
    other = tmp_path / "other"
    assert told(run("restore kb.tkb --json", other))["complete"]
    assert told(run("trials --limit 100 --json", other)) == trials(run)
    assert run("restore kb.tkb", other).exit_code == 2
    assert run("restore kb.tkb --replace", other).stdout.startswith("restored kb.tkb of ")


def test_a_restore_whose_index_is_not_complete_exits_with_7(run: Run, tmp_path: Path) -> None:
    run("backup kb.tkb")
    result = run("restore kb.tkb", tmp_path / "other", EMBED_MODEL="of-another-machine")
    assert result.exit_code == 7
    assert "of-another-machine" in result.stdout
    assert "tradingkb reconcile --repair completes the index" in result.stdout


def test_a_file_that_is_no_backup_exits_with_2(run: Run, tmp_path: Path) -> None:
    Path("letter").write_text("dear reader")
    result = run("restore letter", tmp_path / "other")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is no backup" in result.stderr
    assert "tradingkb backup wrote" in result.stderr


def test_prune_deletes_only_with_apply(run: Run) -> None:
    told(run("recommend bb_reversal --symbol AAPL --timeframe 1d --json"))
    report = told(run("prune --events-days 1 --runs-days 1 --json"))
    assert (report["dry_run"], report["events"], report["runs_kept"]) == (True, 0, 0)
    assert told(run("prune --apply --json"))["dry_run"] is False
    result = run("prune --events-days 0")
    assert result.exit_code == 2
    assert "--events-days: 0 is no age in days" in result.stderr


@pytest.mark.parametrize(
    "reason", ["closes [/red] nothing", "[bold]kept[/bold]", "[1, 2]", '{"a": 1}']
)
def test_what_people_write_is_shown_as_they_wrote_it(run: Run, reason: str) -> None:
    run(f"reject 1 --reason {shlex.quote(reason)}")
    assert [row["reason"] for row in told(run("history --json"))] == [reason]
    shown = run("history")
    assert shown.exit_code == 0
    assert reason.rsplit(maxsplit=1)[-1] in shown.stdout


def test_a_calibration_of_too_few_outcomes_says_so_and_leaves_answers_uncalibrated(
    run: Run, data: Path
) -> None:
    told(run(f"strategies --register {data / 'strategies'} --json"))
    assert "100 of 8 quarters are needed" in " ".join(run("calibrate").stdout.split())
    report = told(run("calibrate --json"))
    assert (report["replayed"], report["base_rate"], report["low"]) == (0, None, None)
    answer = told(run("recommend bb_reversal --symbol AAPL --timeframe 1d --json"))
    assert answer["confidence"] is None
    assert "uncalibrated" in answer["warnings"]


def test_an_evaluation_writes_its_report_and_every_decision(run: Run) -> None:
    result = run("evaluate --out report.html --decisions decisions.parquet")
    assert result.exit_code == 0
    assert "open report.html" in result.stdout
    assert "What was replayed" in Path("report.html").read_text(encoding="utf-8")
    shown = pl.read_parquet("decisions.parquet")
    assert shown["decision"].n_unique() == 1
    assert {"oracle", "tradingkb", "is_best"} <= set(shown["method"])


# --- what is wrong --------------------------------------------------------------------------------


def test_a_healthy_store_has_no_problem_and_ends_with_0(run: Run) -> None:
    found = told(run("problems --json"))
    assert (found["healthy"], found["open"], found["workspace"]) == (True, [], "default")
    assert "healthy" in run("problems").stdout


def test_a_problem_is_named_with_its_runbook_and_ends_with_9(run: Run, home: Path) -> None:
    with tkb.connect(home, progress=False) as kb:
        kb.use_cases.indexer.vectors.ensure_collection("odd", 64)
    asked = {
        "QDRANT_COLLECTION_ACTIVE": "odd",
        "EMBED_MODEL": "regime-cosine-v1",
        "EMBED_DIM": "32",
    }
    result = run("problems", **asked)
    assert (result.exit_code, result.stderr) == (9, "")
    assert "CRITICAL CollectionNotReady: the vector index is not ready" in result.stdout
    assert (
        "tradingkb runbook run 02_qdrant_collection_rebuild -p workspace=default" in result.stdout
    )
    assert told(run("problems --json", **asked), 9)["open"][0]["severity"] == "critical"


def test_a_model_is_pulled_onto_the_server_and_its_dimension_is_told(run: Run) -> None:
    with OllamaServer({}, library={"nomic-embed-text": 768}) as server:
        said = told(run("pull-model nomic-embed-text --json", OLLAMA_HOST=server.url))
        assert {name: said[name] for name in ("model", "dimension", "was_there", "changed")} == {
            "model": "nomic-embed-text",
            "dimension": 768,
            "was_there": False,
            "changed": True,
        }
        again = run("pull-model nomic-embed-text", OLLAMA_HOST=server.url)
        assert (again.exit_code, again.stderr) == (0, "")
        assert "makes 768 dimensions; it was there, nothing is new" in again.stdout


@pytest.mark.parametrize(
    ("model", "fault", "code", "why"),
    [
        ("no-such-model", None, 3, "there is no model 'no-such-model' to pull"),
        ("nomic-embed-text", "error", 4, "broke off: max retries exceeded"),
        ("nomic-embed-text", "cut", 4, "did not answer: .*without sending complete"),
        ("nomic-embed-text", "no success", 4, r"ended after .pulling .* and not with success"),
        ("nomic-embed-text", "garbage", 3, "is not Ollama"),
    ],
)
def test_a_pull_that_goes_wrong_under_status_200_is_an_error(
    run: Run, model: str, fault: Any, code: int, why: str
) -> None:
    with OllamaServer({}) as server:
        if fault is not None:
            server.fail_pull(fault)
        result = run(f"pull-model {model}", OLLAMA_HOST=server.url)
        assert result.exit_code == code, result.output
        assert re.search(why, result.stderr), result.stderr
        assert server.models == {}


def test_a_pull_without_a_server_says_which_setting_is_missing(run: Run) -> None:
    result = run("pull-model nomic-embed-text")
    assert result.exit_code == 3
    assert "OLLAMA_HOST" in result.stderr
    assert "makes 64 dimensions; it was there" in run("pull-model regime-v1").stdout
