"""README and pages are run, not only read: Python, commands, links, names."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import tradingkb as tkb
from tradingkb.cli.app import app
from tradingkb.runbooks import runbook
from tradingkb.settings import describe, load_settings
from tradingkb.testing.ollama_server import OllamaServer

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "notebooks" / "reference").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}
README = TEXTS["README.md"]
#: Everything that a page may name: sources, tests, and what builds them.
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("tradingkb", "tests", ".ci")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != Path(__file__).resolve()
) + (ROOT / "Makefile").read_text(encoding="utf-8")

#: What runs a notebook, or waits for the time to do so.
RUNS = ("tradingkb runbook run", "tradingkb runbook schedule")
COMMANDS = get_command(app).commands
#: Each command by its words; those of a group after the group's name.
LEAVES = {
    f"{name} {inner}" if inner else name: command
    for name, found in COMMANDS.items()
    for inner, command in getattr(found, "commands", {"": found}).items()
}
every_document = pytest.mark.parametrize("name", TEXTS)


def page(name: str) -> str:
    return TEXTS[f"notebooks/reference/{name}"]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """The lines of shell blocks that call tradingkb, continued ones joined."""
    lines = "".join(blocks(text, "bash")).replace("\\\n", " ").splitlines()
    lines = [re.sub(r"^([A-Z_]+=\S+ )+", "", line) for line in lines]
    return [line for line in lines if line.startswith("tradingkb ")]


def quoted(text: str) -> set[str]:
    """What stands between backticks in the running text and in tables."""
    without_blocks = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {" ".join(found.split()) for found in re.findall(r"`([^`]+)`", without_blocks)}


def generated_tables(text: str) -> list[list[list[str]]]:
    """The tables between markers, as rows of cells; the first row has the heads."""
    inside = "\n\n".join(re.findall(r"<!-- \S+:begin -->\n(.*?)<!-- ", text, re.DOTALL))
    rows = [line.strip("|") for line in inside.splitlines() if line.startswith("|") or not line]
    tables = "\n".join(rows).split("\n\n")
    cells = [[re.split(r"(?<!\\)\|", row) for row in t.splitlines() if row] for t in tables]
    return [[[c.strip() for c in row] for row in table] for table in cells if len(table) > 2]


def first_column(text: str) -> set[str]:
    """The names in the first column of a page's tables."""
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


@pytest.fixture
def folder(tmp_path, monkeypatch, data) -> Path:
    """A temporary folder as the pages assume it: data/, prices/ and the reader's own trials."""
    monkeypatch.chdir(tmp_path)
    for row in describe(load_settings()):
        monkeypatch.delenv(row["setting"], raising=False)
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


@pytest.fixture(scope="module")
def few(data: Path) -> pl.DataFrame:
    """Some trials of all that commands name: they embed, restore, replay or draw all there are."""
    number = pl.col("source_id").str.split(":").list.last().cast(pl.Int32)
    return pl.read_parquet(data / "trials.parquet").filter(
        number < 4,
        pl.col("strategy_name").is_in(["bb_reversal", "macd_trend", "sma_cross"]),
        pl.col("symbol").is_in(["AAPL", "EURUSD", "GOOG"]),
    )


@pytest.fixture(scope="module")
def small_home(few: pl.DataFrame, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of these."""
    home = tmp_path_factory.mktemp("small") / "home"
    with tkb.connect(home, progress=False) as kb:
        kb.register_strategy(data / "strategies")
        kb.ingest(few, ohlcv=data / "ohlcv")
    return home


def with_few_trials(few: pl.DataFrame) -> None:
    """The working folder's data/ with these trials in place of all."""
    data = Path("data").resolve()
    Path("data").unlink()
    Path("data").mkdir()
    for name in ("ohlcv", "strategies"):
        (Path("data") / name).symlink_to(data / name, target_is_directory=True)
    few.write_parquet("data/trials.parquet")


@pytest.fixture
def small(folder: Path, few: pl.DataFrame, small_home: Path) -> Path:
    """The folder with few trials, and with a store of them."""
    with_few_trials(few)
    Path("server.env").write_text("TRADINGKB_HOME=elsewhere\n", encoding="utf-8")
    shutil.copytree(small_home, ".tradingkb")
    return folder


# --- what is run ----------------------------------------------------------------------------------


def run_python(name: str) -> dict[str, Any]:
    """Runs a document's Python blocks one after the other; gives the names that they leave."""
    names: dict[str, Any] = {}
    for block in blocks(TEXTS[name], "python"):
        exec(compile(block, name, "exec"), names)
    return names


def test_the_five_lines_of_the_readme_give_an_answer(folder, few, capsys):
    with_few_trials(few)
    names = run_python("README.md")
    assert names["kb"].events()["status"].to_list() == ["ok"]
    names["kb"].close()
    assert capsys.readouterr().out.startswith("ok {")


def as_trials(names: dict[str, Any]) -> None:
    assert names["report"].counts()["inserted"] == 50
    assert names["report"].dry_run
    assert "my_cross" in names["kb"].strategies()["strategy_name"]


def as_answers(names: dict[str, Any]) -> None:
    assert [near["params"]["fast"] for near in names["mine"].nearest] == [12, 6, 12, 6, 12]


def as_markets(names: dict[str, Any]) -> None:
    assert names["rec"].regime.source == "stated"
    table = names["table"]
    lost = table.filter(pl.col("status") != "ok")  # currencies by the hour, costs included
    assert set(lost["market"]) == {"EURUSD_1h"}
    assert lost["reasons"].to_list() == [["expected_loss"]] * lost.height
    assert sorted(names["kb"].events()["status"]) == sorted(["ok", "ok", *table["status"]])


def as_errors(names: dict[str, Any]) -> None:
    assert names["kb"].events().is_empty()


def as_operations(names: dict[str, Any]) -> None:
    assert names["result"].skipped == 26_040
    assert set(names["kb"].history(symbol="GOOG")["actor"]) == {"ann"}


SAID: dict[str, Callable[[dict[str, Any]], None]] = {
    "trials.md": as_trials,
    "answers.md": as_answers,
    "markets.md": as_markets,
    "errors.md": as_errors,
    "operations.md": as_operations,
}


@pytest.mark.parametrize("name", SAID)
def test_the_python_of_a_page_runs_and_means_what_the_page_says(stocked, name):
    names = run_python(f"notebooks/reference/{name}")
    SAID[name](names)
    names["kb"].close()


def test_every_page_with_python_is_run():
    assert {path.name for path in PAGES if blocks(page(path.name), "python")} == set(SAID)


@pytest.fixture(scope="module")
def ollama() -> Iterator[str]:
    """The address of a server that has no model until one is pulled."""
    with OllamaServer({}) as server:
        yield server.url


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if commands(text)])
def test_the_commands_of_a_document_run_and_succeed(small, name, ollama, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", ollama)
    with tkb.connect(progress=False) as kb:
        named = {
            "RUN_ID": lambda: kb.runs()["run_id"][0],
            "JOB_ID": lambda: kb.submit_job("ingest").job_id,
            "SNAPSHOT": lambda: kb.snapshots()["snapshot"][0],
        }
        for line in not_run_elsewhere(commands(TEXTS[name])):
            for word in set(named) & set(shlex.split(line, comments=True)):
                line = line.replace(word, named[word]())  # noqa: PLW2901
            result = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
            assert result.exit_code == 0, (line, result.output)


def not_run_elsewhere(lines: list[str]) -> list[str]:
    """Without the demo, which works on the whole sample: it is run once, below; and without the
    service, which does not end: tests/service runs it.
    """
    return [
        line
        for line in lines
        if line.split()[1] not in ("demo", "serve") and not line.startswith(RUNS)
    ]


@pytest.mark.parametrize("name", [n for n, text in TEXTS.items() if any(map(text.count, RUNS))])
def test_a_runbook_that_is_run_in_a_document_takes_what_it_is_given(name):
    """What running one does tests/runbooks says; a kernel for each line would take too long."""
    for line in commands(TEXTS[name]):
        if line.startswith(RUNS[0]):
            words = shlex.split(line, comments=True)
            pairs = [word.split("=", 1) for word in words if "=" in word]
            given = runbook(words[3]).checked(dict(pairs))
            assert given.keys() >= dict(pairs).keys(), line
        elif line.startswith(RUNS[1]):
            options = {option for one in leaf(line)[1].params for option in one.opts}
            assert set(re.findall(r"--[\w-]+", line)) <= options, line


def test_every_command_has_an_example_on_its_page():
    lines = commands(page("commands.md"))
    assert {leaf(line)[0] for line in lines} == set(LEAVES)


def test_the_queries_run_and_find_what_was_not_deleted(stocked):
    with tkb.connect(progress=False) as kb:
        kb.archive(strategy_name="sma_cross", symbol="GOOG")
    with closing(sqlite3.connect(stocked / ".tradingkb" / "tradingkb.db")) as connection:
        connection.execute(
            "UPDATE kb_trial_index SET reason = 'archived; qdrant_delete_failed: timeout' "
            "WHERE id = (SELECT max(id) FROM kb_trial_index WHERE archived_at IS NOT NULL)"
        )
        query, change = blocks(page("operations.md"), "sql")
        ((_, reason, archived_at),) = connection.execute(query).fetchall()
        connection.execute(change)
        connection.commit()
    assert "qdrant_delete_failed" in reason
    assert archived_at
    with tkb.connect(progress=False) as kb:
        assert kb.workspaces()["embed_model"].to_list() == ["regime-cosine-v1"]


def test_the_answer_in_the_readme_is_the_one_that_the_demo_gives(stocked):
    line = "demo --out out --home .tradingkb"  # a store that has the sample already
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0, result.output
    *_, answer, last = result.stdout.strip().split("\n\n")
    assert blocks(README, "text") == [f"{answer}\n"]
    path = last.split("\n")[-1].removeprefix("open ")
    report = (stocked / path).read_text(encoding="utf-8")
    assert "macd_trend" in report


# --- what is complete -----------------------------------------------------------------------------


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.encode()) <= 10_240


def test_the_index_lists_every_page():
    linked = set(re.findall(r"\]\((\w+\.md)\)", page("index.md")))
    assert linked == {path.name for path in PAGES} - {"index.md"}


@every_document
def test_no_row_of_a_generated_table_lacks_a_meaning(name):
    for heads, _, *rows in generated_tables(TEXTS[name]):
        told = [n for n, head in enumerate(heads) if head in ("meaning", "it says", "what it is")]
        assert [row for row in rows for n in told if not row[n]] == []


def test_every_number_and_time_of_a_trial_has_a_unit():
    heads, _, *rows = generated_tables(page("trials.md"))[0]
    kind, unit = heads.index("kind"), heads.index("unit")
    measured = [row for row in rows if row[kind] in ("number", "count", "time")]
    assert [row[0] for row in measured if not row[unit]] == []


def test_every_column_of_stored_trials_has_a_row(stocked):
    with tkb.connect(progress=False) as kb:
        assert set(kb.trials(limit=1).columns) <= first_column(page("trials.md"))


def test_every_column_of_recorded_answers_has_a_row(stocked):
    with tkb.connect(progress=False) as kb:
        assert set(kb.events().columns) <= first_column(page("events.md"))


def test_every_field_of_an_answer_has_a_row():
    fields = {*tkb.Recommendation.__dataclass_fields__, *tkb.Explanation.__dataclass_fields__}
    assert fields <= set(re.findall(r"`(\w+)`", page("python.md")))


def test_each_life_is_told_in_ten_steps():
    lives = re.findall(r"^## The life of .*?(?=^## )", page("how_it_works.md"), re.M | re.S)
    assert [re.findall(r"^(\d+)\. ", life, re.MULTILINE)[-1] for life in lives] == ["10"] * 3


# --- what exists ----------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub and Jupyter make them."""
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@every_document
def test_a_link_leads_to_a_file_and_to_a_heading_in_it(name):
    here = (ROOT / name).parent
    for target in re.findall(r"\]\(([^):]+)\)", TEXTS[name]):
        file, _, anchor = target.partition("#")
        path = (here / file) if file else ROOT / name
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), target


@every_document
def test_a_make_command_exists(name):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", TEXTS[name], re.MULTILINE)) <= targets


@every_document
def test_a_path_that_is_named_exists(name):
    paths = [q for q in quoted(TEXTS[name]) if re.fullmatch(_PATH, q)]
    places = (ROOT, ROOT / "tradingkb", (ROOT / name).parent)
    assert [p for p in paths if not any((place / p).exists() for place in places)] == []


#: A file, or a folder with a bar at its end or inside.
_PATH = r"\.?[\w-][\w.-]*(?:/[\w.-]+)*(?:/|\.(?:py|md|toml|cfg|lock|ipynb))|\.ci/\w+"


@every_document
def test_a_class_that_is_named_exists(name):
    named = [q.removeprefix("tkb.") for q in quoted(TEXTS[name])]
    classes = [q for q in named if re.fullmatch(r"(?:[A-Z]+[a-z0-9]+){2,}", q)]
    known = classes_of_sources() | _problems() | _FOREIGN
    assert [c for c in classes if c not in known] == []


@cache
def classes_of_sources() -> set[str]:
    """Every class that the sources define."""
    return set(re.findall(r"^class (\w+)", SOURCES, re.MULTILINE))


@cache
def _problems():
    """The names of problems, which are texts of the rooms that tell of them."""
    rooms = [
        ROOT / "tradingkb" / "monitoring" / f"{name}.py" for name in ("problems", "rules", "work")
    ]
    texts = "".join(path.read_text(encoding="utf-8") for path in rooms)
    return set(re.findall(r'"((?:[A-Z]+[a-z0-9]+){2,})"', texts))


#: Classes of other libraries, and type aliases.
_FOREIGN = {"AnswerStatus", "JobState", "RateLimit", "ValueError"}


@every_document
def test_a_variable_or_constant_that_is_named_exists(name):
    names = {n for q in quoted(TEXTS[name]) for n in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", q)}
    assert names - {"RUN_ID", "JOB_ID"} - words_of_sources() == set()


@cache
def words_of_sources() -> set[str]:
    """Every word of the sources."""
    return set(re.findall(r"\w+", SOURCES))


@every_document
def test_a_verb_that_is_named_exists(name):
    for owner, kind in (("kb", tkb.KnowledgeBase), ("rec", tkb.Recommendation), ("tkb", tkb)):
        found = {n for q in quoted(TEXTS[name]) for n in re.findall(rf"\b{owner}\.(\w+)", q)}
        known = {*dir(kind), *getattr(kind, "__dataclass_fields__", ())}
        assert found - known == set()


@every_document
def test_a_command_that_is_named_exists_with_its_options(name):
    for line in quoted(TEXTS[name]):
        if re.match(r"tradingkb [a-z]", line):
            options = {o for p in leaf(line)[1].params for o in (*p.opts, *p.secondary_opts)}
            assert set(re.findall(r"--[\w-]+", line)) <= options | {"--help"}, line


def leaf(line):
    """The command of a line, by its words, and what it is; a group stands for itself alone."""
    words = re.findall(r"[\w-]+", line.removeprefix("tradingkb "))
    inner = " ".join(words[:2])
    return (inner, LEAVES[inner]) if inner in LEAVES else (words[0], COMMANDS[words[0]])
