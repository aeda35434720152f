"""The README is run, not only read: its Python, its commands, its answer; and guides are clean."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import tradingkb as tkb
from tradingkb.cli.app import app
from tradingkb.settings.model import Settings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = sorted((ROOT / "notebooks").rglob("*.ipynb"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The lines of shell blocks that call tradingkb, continued ones joined."""
    text = "".join(blocks("bash")).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith("tradingkb ")]


@pytest.fixture
def folder(tmp_path, monkeypatch, data) -> Path:
    """A temporary folder as the README assumes it: data/, prices/ and the reader's own trials."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)
    Path("data").symlink_to(data, target_is_directory=True)
    Path("prices").symlink_to(data / "ohlcv", target_is_directory=True)
    names = {
        "source_id": "trial_id",
        "strategy_name": "strategy",
        "sharpe_is": "is_sharpe",
        "sharpe_oos": "oos_sharpe",
    }
    mine = pl.read_parquet(data / "trials.parquet").head(50).rename(names)
    mine = mine.drop("objective_type").with_columns(
        pl.format("mine-{}", "trial_id").alias("trial_id")
    )
    mine.write_parquet("my_trials.parquet")
    return tmp_path


@pytest.fixture
def stocked(folder: Path, sample_home: Path) -> Iterator[Path]:
    """The same, with the sample trials in the default store."""
    shutil.copytree(sample_home, folder / ".tradingkb")
    return folder


def test_the_python_blocks_run_one_after_the_other_and_mean_what_they_say(folder, capsys):
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    kb = names["kb"]
    assert names["report"].counts()["inserted"] == 50
    assert names["report"].dry_run
    assert names["rec"].regime.source == "stated"
    assert [near["params"]["fast"] for near in names["mine"].nearest] == [12, 6, 12, 6, 12]
    assert "my_cross" in kb.strategies()["strategy_name"]
    assert kb.events()["status"].to_list() == ["ok"] * (3 + names["table"].height)
    kb.close()
    assert capsys.readouterr().out.startswith("ok {")


def test_the_queries_run_and_find_what_was_not_deleted(stocked):
    with tkb.connect(progress=False) as kb:
        kb.archive(strategy_name="sma_cross", symbol="GOOG")
    with closing(sqlite3.connect(stocked / ".tradingkb" / "tradingkb.db")) as connection:
        connection.execute(
            "UPDATE kb_trial_index SET reason = 'archived; qdrant_delete_failed: timeout' "
            "WHERE id = (SELECT max(id) FROM kb_trial_index WHERE archived_at IS NOT NULL)"
        )
        (query,) = blocks("sql")
        ((_, reason, archived_at),) = connection.execute(query).fetchall()
    assert "qdrant_delete_failed" in reason
    assert archived_at


@pytest.fixture
def small(folder: Path, data: Path) -> Path:
    """The same with four parameter sets of each window, and a store of these: every command of the
    README embeds, restores or draws all there are."""
    Path("data").unlink()
    Path("data").mkdir()
    for name in ("ohlcv", "strategies"):
        (Path("data") / name).symlink_to(data / name, target_is_directory=True)
    number = pl.col("source_id").str.split(":").list.last().cast(pl.Int32)
    few = pl.read_parquet(data / "trials.parquet").filter(number < 4)
    few.write_parquet("data/trials.parquet")
    with tkb.connect(progress=False) as kb:
        kb.register_strategy("data/strategies")
        kb.ingest(few, ohlcv="data/ohlcv")
    return folder


def test_the_commands_run_and_succeed(small):
    with tkb.connect(progress=False) as kb:
        run_id = kb.runs()["run_id"][0]
    lines = [line.replace("RUN_ID", run_id) for line in commands()]
    assert len(lines) > 5
    for line in lines:
        result = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
        assert result.exit_code == 0, (line, result.output)


def test_the_commands_show_every_command(stocked):
    shown = {line.split()[1] for line in commands()}
    named = set(re.findall(r"^\| `tradingkb ([\w-]+)` \|", README, re.MULTILINE))
    assert named - shown == {"demo", "workspaces"}


def test_the_answer_in_the_text_block_is_the_one_that_the_demo_gives(stocked):
    assert CliRunner().invoke(app, ["calibrate"]).exit_code == 0  # as the demo does
    line = "recommend macd_trend --ohlcv data/ohlcv/AAPL_1d.parquet"
    assert blocks("text") == [CliRunner().invoke(app, line.split()).stdout]


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))), ids=lambda target: target
)
def test_a_link_leads_to_a_file(target):
    assert (ROOT / target).exists()


def test_make_commands_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_a_guide_is_committed_executed_small_and_without_traces_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert len(text) < 300_000
    assert not re.search(r"/(home|root|tmp|Users|work|var)/|[0-9a-f]{8}-[0-9a-f]{4}-", text)
