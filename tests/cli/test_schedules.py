"""`tradingkb runbook schedule`: what it says of a file, and what it does once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import tradingkb as tkb
from tradingkb.cli.app import app
from tradingkb.settings.model import Settings

Run = Callable[[str], Result]
GOOD = """
[[schedule]]
name = "ingest"
runbook = "06"
cron = "30 2 * * *"
timezone = "Europe/Berlin"
"""
BAD = GOOD.replace('"ingest"', '"never"').replace("30 2 * * *", "30 2 31 2 *")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    for setting in Settings.model_fields.values():
        monkeypatch.delenv(str(setting.alias), raising=False)
    place = ["--home", str(tmp_path / "home")]
    return lambda line: CliRunner().invoke(app, [*place, "runbook", "schedule", *shlex.split(line)])


def written(text: str) -> None:
    Path("schedules.toml").write_text(text, encoding="utf-8")


def test_a_good_file_is_in_force(run):
    written(GOOD)
    result = run("--check")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "1 schedule in force\n", "")
    (one,) = json.loads(run("--check --json").stdout)["schedules"]
    assert (one["name"], one["runbook"]) == ("ingest", "06_trial_ingestion")


def test_what_is_refused_is_named_and_exits_with_2_beside_what_is_in_force(run):
    written(GOOD + BAD)
    result = run("--check")
    assert (result.exit_code, result.stdout) == (2, "1 schedule in force\n")
    assert result.stderr.startswith("refused: schedules.toml, schedule 2 'never', cron: ")
    told = json.loads(run("--check --json").stdout)
    assert [r["field"] for r in told["refused"]] == ["cron"]


def test_a_runbook_refuses_what_it_does_not_take(run):
    written(GOOD + "parameters = {trails = 'x.parquet'}\n")
    result = run("--check")
    assert result.exit_code == 2
    assert "parameters: unknown parameter 'trails': did you mean trials" in result.stderr


def test_the_next_times_are_shown_here_and_there(run):
    written(GOOD)
    rows = json.loads(run("--next 2 --json").stdout)
    assert [row["schedule"] for row in rows] == ["ingest", "ingest"]
    assert all(" 02:30 CE" in row["there"] for row in rows)
    assert rows[0]["at"] < rows[1]["at"]


def test_a_crontab_has_no_more_than_is_in_force(run, tmp_path):
    written(GOOD + BAD)
    result = run("--crontab")
    assert result.exit_code == 2
    *_, zone, line = result.stdout.splitlines()
    assert zone == "CRON_TZ=Europe/Berlin"
    assert f"cd {tmp_path} && " in line
    assert f"--home {tmp_path / 'home'} runbook run 06_trial_ingestion" in line


def test_without_a_file_it_exits_with_3_and_says_how_to_name_one(run):
    result = run("")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "there are no schedules at schedules.toml" in result.stderr
    assert run("--check").exit_code == 2


def test_once_does_nothing_where_nothing_is_due_and_keeps_what_it_read(run, tmp_path):
    written(GOOD)
    result = run("--once --beat-file beat")
    assert (result.exit_code, result.stdout) == (0, "nothing was due\n")
    with tkb.connect(tmp_path / "home", progress=False) as kb:
        assert kb.schedules()["name"].to_list() == ["ingest"]
    assert Path("beat").exists()


def test_once_runs_what_is_due_and_exits_with_8_where_it_could_not_be_begun(run, tmp_path):
    """Its workspace is not there: that is known before anything runs."""
    written(GOOD + 'workspace = "nobody"\n')
    assert run("--once").exit_code == 0
    with tkb.connect(tmp_path / "home", progress=False) as kb:
        store = kb.use_cases.store
        (state,) = [one for one in store.schedule_states() if one.name]
        store.save_schedule_state(replace(state, last_slot=state.last_slot - timedelta(days=3)))
    result = run("--once")
    assert (result.exit_code, result.stdout) == (8, "")
    assert "error: ingest: its run could not be begun: " in result.stderr
    assert "unknown workspace 'nobody'" in result.stderr
    assert run("--once").stdout == "nothing was due\n"
    newest, older = json.loads(run("--history 9 --json").stdout)
    assert (newest["decision"], older["decision"]) == ("failed_to_start", "skipped")
    assert "unknown workspace" in newest["detail"]
