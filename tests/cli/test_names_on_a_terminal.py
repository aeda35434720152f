"""Names are no commands of a terminal, and no formulas of a spreadsheet."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import tradingkb as tkb
from tradingkb.cli.app import app
from tradingkb.printable import printable

CLEAR = "\x1b[2J\x9b31m"
NAME = f"=cmd{CLEAR}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose every name would clear the screen; one row of its source is refused."""
    home = tmp_path_factory.mktemp("names")
    rows = pl.DataFrame(
        {
            "source_id": [f"{CLEAR}{i}" for i in range(40)],
            "strategy_name": NAME,
            "symbol": NAME,
            "engine": CLEAR,
            "timeframe": "1d",
            "param_fast": [5, 10] * 20,
            "param_mode": CLEAR,
            "sharpe_oos": [1.0, 2.0] * 20,
            "n_trades_oos": 100,
            "win_rate_oos": ["0.5"] * 39 + [CLEAR],
            "max_drawdown_frac_oos": 0.1,
            "oos_start": [f"20{10 + i % 10}-01-01" for i in range(40)],
            "oos_end": [f"20{10 + i % 10}-12-31" for i in range(40)],
        }
    ).with_columns(pl.lit(1).alias(f"mine{CLEAR}"))
    rows.write_parquet(home / "trials.parquet")
    with tkb.connect(home, progress=False) as kb:
        kb.ingest(rows)
        ids = kb.trials(limit=1)["trial_id"].to_list()
        kb.reject(ids, reason=CLEAR, actor=CLEAR)
    return home


@pytest.mark.parametrize(
    "line",
    [
        ["ingest", "{home}/trials.parquet", "--dry-run"],
        ["ingest", "{home}/trials.parquet", "--strict"],
        ["trials"],
        ["strategies"],
        ["history"],
        ["recommend", NAME],
        ["recommend", CLEAR],
        ["recommend-many", "--strategy", NAME],
        ["explain", NAME, "--param", "fast=5", "--param", f"mode={CLEAR}"],
        ["seen", "{home}/trials.parquet"],
        ["events"],
        ["trials", "--workspace", CLEAR],
        ["regime", CLEAR],
    ],
    ids=lambda line: " ".join(line).encode("ascii", "replace").decode().replace("\x1b", ""),
)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_no_command_prints_what_a_terminal_obeys(
    home: Path, line: list[str], form: list[str]
) -> None:
    line = [part.format(home=home) for part in line]
    found = CliRunner().invoke(app, ["--home", str(home), "--log-level", "info", *line, *form])
    assert found.output
    assert "Traceback" not in found.output
    for stream in (found.stdout, found.stderr):
        assert stream == printable(stream)
    if form and found.stdout:
        json.loads(found.stdout)


def test_the_file_of_many_answers_holds_no_formula(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "answers.csv"
    line = ["recommend-many", "--strategy", NAME, "--csv", str(target)]
    found = CliRunner().invoke(app, ["--home", str(home), *line])
    assert found.exit_code == 0, found.output
    answers = pl.read_csv(target)
    assert answers["strategy_name"].to_list() == [f"'{NAME}"] * answers.height
