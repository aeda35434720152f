"""A store of each earlier schema opens and answers alike; the last one's release still runs on it.

`fixtures/small_store_<revision>.db.gz` hold the same trials, spec and three recommendations, each
as the last release of that schema wrote them; `fixtures/statements_<revision>.json` every statement
that the last releases of schemas 0004 to 0009 sent in a day of work. `small_history.py` made
them.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import tradingkb as tkb
from tests.stores.recorded import refusal
from tests.stores.small_history import NOW, QUESTIONS, Clock, fill, trials
from tradingkb.exceptions import InvalidInputError
from tradingkb.plain import STRUCTURES
from tradingkb.recommend import EVENT_FIELDS, question_of
from tradingkb.sql import writing
from tradingkb.stores import SqlTrialStore, schema
from tradingkb.stores.migrate import _MIGRATIONS as MIGRATIONS
from tradingkb.stores.migrate import _revisions
from tradingkb.testing.stored import WORKSPACE, event, workspace

FIXTURES = Path(__file__).parent / "fixtures"
EARLIER = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
#: Each once, with the parameters of the latest recording: most are in every one.
STATEMENTS: list[tuple[str, Any]] = list(
    {
        text: parameters
        for revision in ("0004", "0005", "0006", "0007", "0008", "0009")
        for text, parameters in json.loads(
            (FIXTURES / f"statements_{revision}.json").read_text(encoding="utf-8")
        )
    }.items()
)
#: What an event says since schema 0005.
ADDED = tuple(EVENT_FIELDS)[tuple(EVENT_FIELDS).index("symbol") :]


def later() -> Clock:
    """A clock of the day after the stores were filled."""
    return Clock(NOW + timedelta(days=1))


def unpacked(revision: str, folder: Path) -> Path:
    """The home of a store of that schema."""
    home = folder / revision
    home.mkdir()
    packed = FIXTURES / f"small_store_{revision}.db.gz"
    (home / "tradingkb.db").write_bytes(gzip.decompress(packed.read_bytes()))
    return home


def answers(kb: tkb.KnowledgeBase) -> list[dict[str, Any]]:
    """To every question, without what moves from request to request."""
    found = [kb.recommend("s", **question).to_dict() for question in QUESTIONS]
    return [{k: v for k, v in a.items() if k not in ("request_id", "at", "timings")} for a in found]


def rows(home: Path, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The answers of a store that this release filled with the same."""
    home = tmp_path_factory.mktemp("new") / "home"
    fill(home)
    with tkb.connect(home, clock=later(), progress=False) as kb:
        return answers(kb)


#: Schemas whose events say nothing of the question.
BEFORE_EVENTS = EARLIER[: EARLIER.index("0005")]


@pytest.fixture(params=BEFORE_EVENTS)
def wordless(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    yield unpacked(request.param, tmp_path)


@pytest.fixture(params=EARLIER)
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    yield unpacked(request.param, tmp_path)


def test_every_schema_but_the_newest_has_its_store() -> None:
    assert tuple(reversed(_revisions()))[:-1] == EARLIER
    for revision in EARLIER:
        packed = gzip.decompress((FIXTURES / f"small_store_{revision}.db.gz").read_bytes())
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(packed)
            found = connection.execute("SELECT version_num FROM tradingkb_revision").fetchall()
        assert found == [(revision,)]


def test_a_store_of_an_earlier_schema_opens_and_answers_alike(
    earlier: Path, expected: list[dict[str, Any]]
) -> None:
    with tkb.connect(earlier, clock=later(), progress=False) as kb:
        assert answers(kb) == expected
    assert [a["status"] for a in expected] == ["ok", "ok", "degraded", "ok", "none"]


def test_right_after_an_upgrade_sql_and_the_index_agree(earlier: Path) -> None:
    with tkb.connect(earlier, clock=later(), progress=False) as kb:
        found = kb.reconcile()
        assert found.clean, str(found)
        waiting = found.before["outdated"].sum()
        # Payloads are defined as they are now since schema 0002.
        assert waiting == (60 if earlier.name == "0001" else 0)
        assert ("the next ingest does it anew" in str(found)) == bool(waiting)
        assert kb.ingest().updated == waiting
        assert kb.reconcile().before["outdated"].sum() == 0


def test_a_trial_that_changed_since_an_earlier_release_embedded_it_is_a_difference(
    tmp_path: Path,
) -> None:
    home = unpacked("0001", tmp_path)
    with tkb.connect(home, clock=later(), progress=False) as kb:
        with writing(kb.use_cases.store.engine) as connection:
            connection.exec_driver_sql("UPDATE trials SET row_hash = 'x' WHERE id <= 2")
        found = kb.reconcile()
        assert found.before.select("stale", "outdated").rows() == [(2, 58)]
        assert not found.clean
        repaired = kb.reconcile(repair=True)
        assert repaired.after is not None
        assert repaired.after.select("stale", "outdated").rows() == [(0, 0)]
        assert repaired.clean


def test_every_row_of_an_earlier_schema_is_there_after_the_upgrade(earlier: Path) -> None:
    with closing(sqlite3.connect(earlier / "tradingkb.db")) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_") and name != "tradingkb_revision"
        ]
        columns = {
            table: ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
            for table in tables
        }
    before = {table: rows(earlier, table, columns[table]) for table in tables}
    tkb.connect(earlier, progress=False).close()
    assert {table: rows(earlier, table, columns[table]) for table in tables} == before
    assert len(before["trials"]) == 60
    assert len(before["recommend_events"]) == 3


def test_an_event_of_an_earlier_schema_says_no_question_and_the_next_one_does(
    wordless: Path,
) -> None:
    with tkb.connect(wordless, clock=later(), progress=False) as kb:
        old = kb.events().row(0, named=True)
        assert {name: old[name] for name in ADDED} == dict.fromkeys(ADDED)
        with pytest.raises(InvalidInputError, match="before schema 0005"):
            question_of(old)
        kb.recommend("s", **QUESTIONS[0])
        events = kb.events()
        assert events.height == 4
        assert question_of(events.row(0, named=True)).market.symbol == "X"


def test_a_backup_carries_old_and_new_events(earlier: Path, tmp_path: Path) -> None:
    with tkb.connect(earlier, clock=later(), progress=False) as kb:
        kb.recommend("s", **QUESTIONS[0])
        told = kb.events().rows()
        kb.backup(tmp_path / "backup.db")
    with tkb.connect(tmp_path / "other", progress=False) as other:
        other.restore(tmp_path / "backup.db")
        assert other.events().rows() == told
        assert len(told) == 4


def summed(kb: tkb.KnowledgeBase) -> list[Any]:
    span = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
    return [
        kb.event_rates(**span, by=("strategy_name", "source")).to_dicts(),
        kb.rejections(**span, bucket="hour").to_dicts(),
    ]


def test_an_upgrade_sums_the_events_that_are_stored(earlier: Path, tmp_path: Path) -> None:
    """As they would have been summed, had this release written them."""
    with tkb.connect(earlier, clock=later(), progress=False) as kb:
        rates, rejections = summed(kb)
        assert sum(row["count"] for row in rates) == kb.events().height == 3
        assert {row["status"] for row in rates} == set(kb.events()["status"])
        (strict,) = [row for row in rejections if row["filter"] == "max_drawdown"]
        assert (strict["asked"], strict["requests"], strict["trials"]) == (3, 1, 60)
        assert kb.rebuild_rollups().to_dict() == {"hours": 1, "events": 3, "mended": 0, "kept": 0}
    with tkb.connect(tmp_path / "other", progress=False) as other:
        other.restore(earlier / "tradingkb.db")
        assert summed(other) == [rates, rejections]


def test_a_restore_from_an_older_backup_makes_the_sums_anew(earlier: Path, tmp_path: Path) -> None:
    shutil.copy(earlier / "tradingkb.db", tmp_path / "backup.db")
    with tkb.connect(tmp_path / "other", clock=later(), progress=False) as other:
        other.ingest(trials())
        other.recommend("s")
        other.restore(tmp_path / "backup.db", replace=True)
        assert sum(row["count"] for row in summed(other)[0]) == 3
        assert other.event_rates(since=NOW + timedelta(hours=12)).is_empty()


def test_a_store_of_an_earlier_schema_is_a_backup(
    earlier: Path, tmp_path: Path, expected: list[dict[str, Any]]
) -> None:
    shutil.copy(earlier / "tradingkb.db", tmp_path / "backup.db")
    with tkb.connect(tmp_path / "other", clock=later(), progress=False) as other:
        other.restore(tmp_path / "backup.db")
        assert other.events().height == 3
        found = answers(other)
    assert [(a["params"], a["status"]) for a in found] == [
        (a["params"], a["status"]) for a in expected
    ]


def test_the_command_line_prints_old_events_and_new_ones_as_structures(
    wordless: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tradingkb.cli.output import print_frame

    with tkb.connect(wordless, clock=later(), progress=False) as kb:
        kb.recommend("s", **QUESTIONS[0])
        print_frame(kb.events(), as_json=True)
    printed = json.loads(capsys.readouterr().out)
    added = STRUCTURES & set(ADDED)
    assert [type(printed[0][name]) for name in sorted(added)] == [dict] * 3
    assert [printed[1][name] for name in sorted(added)] == [None] * 3


def test_an_upgrade_that_ends_at_any_statement_has_not_happened(tmp_path: Path) -> None:
    """What is on the disk before each statement is what a dead process leaves."""
    home = unpacked("0004", tmp_path)
    before = [(t, rows(home, t)) for t in ("recommend_events", "sqlite_master")]
    left: list[Path] = []

    def photograph(_: Any, __: Any, text: str, *___: Any) -> None:
        word = text.split(maxsplit=1)[0]
        left.append(Path(shutil.copytree(home, tmp_path / f"{len(left)} {word}")))

    sa.event.listen(sa.Engine, "before_cursor_execute", photograph)
    try:
        tkb.connect(home, progress=False).close()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", photograph)
    changes = ("CREATE", "INSERT", "DROP", "ALTER", "UPDATE")
    upgrade = [n for n, folder in enumerate(left) if folder.name.endswith(changes)]
    assert len(upgrade) > 5
    for n in range(upgrade[0], upgrade[-1] + 1):
        assert [(t, rows(left[n], t)) for t, _ in before] == before, left[n].name
    with tkb.connect(left[upgrade[-1]], clock=later(), progress=False) as kb:
        assert kb.recommend("s", **QUESTIONS[0]).status == "ok"
        assert kb.events().height == 4


def test_events_of_either_database_stay_and_their_requests_may_be_tried_again(
    engine: sa.Engine,
) -> None:
    upgrade_to("0004", engine)
    told = event(workspace_id=WORKSPACE)
    old = {name: value for name, value in told.items() if name not in ADDED}
    with writing(engine) as connection:
        connection.execute(sa.insert(schema.workspaces), vars(workspace()))
        connection.execute(sa.insert(schema.recommend_events), [old])
    with closing(SqlTrialStore(engine)) as store:
        store.save_event({**told, "at": told["at"] + timedelta(seconds=1)})
        new, kept = store.events(WORKSPACE, 9, {"request_id": told["request_id"]}).to_dicts()
    assert {name: kept[name] for name in ADDED} == dict.fromkeys(ADDED)
    assert (new["expected"], json.loads(new["question"])) == (told["expected"], told["question"])
    assert {k: v for k, v in new.items() if k not in (*ADDED, "at")} == {
        k: v for k, v in kept.items() if k not in (*ADDED, "at")
    }


def test_a_restore_of_the_release_before_may_empty_its_own_tables(engine: sa.Engine) -> None:
    """It does not know of the sums, which refer to the workspaces that it deletes."""
    with closing(SqlTrialStore(engine)) as store:
        store.create_workspace(workspace())
        store.save_event(event())
        store.note_change(WORKSPACE, NOW, "activate", "ada", {})
        with writing(engine) as connection:
            for table in (schema.recommend_events, schema.workspaces):
                connection.execute(table.delete())
        counts = store.row_counts()
        new = ("event_rollups", "rejection_rollups", "changes")
        assert [counts[name] for name in new] == [0, 0, 0]


def upgrade_to(revision: str, engine: sa.Engine) -> None:
    """Makes the tables as they were at a revision."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of schema 0004 after the upgrade; tests copy it."""
    home = unpacked("0004", tmp_path_factory.mktemp("upgraded"))
    tkb.connect(home, clock=later(), progress=False).close()
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return home / "tradingkb.db"


def another(statement: str, parameters: list[Any]) -> list[Any]:
    """The parameters with other values where the same row twice would break a key."""
    if statement.startswith("INSERT INTO workspaces"):
        return ["another-id", "another-slug", *parameters[2:]]
    if statement.startswith("INSERT INTO recommend_events"):
        return ["another-request", *parameters[1:]]
    return parameters


def test_every_statement_of_the_release_before_runs_on_the_new_schema(
    upgraded: Path, tmp_path: Path
) -> None:
    shutil.copy(upgraded, tmp_path / "kb.db")
    with closing(sqlite3.connect(tmp_path / "kb.db", isolation_level=None)) as connection:
        for text, parameters in STATEMENTS:
            values = [bytes.fromhex(p["hex"]) if isinstance(p, dict) else p for p in parameters]
            refused = refusal(connection, text, another(text, values))
            # The very row of the recording is there already: the statement itself is understood.
            assert "UNIQUE" in (refused or "UNIQUE"), text
            assert not (refused and "recommend_events" in text), text


def test_the_recording_has_every_kind_of_statement_about_events() -> None:
    kinds = {text.split()[0] for text, _ in STATEMENTS if "recommend_events" in text}
    assert kinds == {"INSERT", "SELECT", "DELETE"}
    assert len(STATEMENTS) > 100


def test_a_spec_of_an_earlier_schema_was_in_force_since_it_was_registered(earlier: Path) -> None:
    with tkb.connect(earlier, clock=later(), progress=False) as kb:
        before = answers(kb)
        spec = kb.strategy("s")
        assert spec is not None
        kb.register_strategy(replace(spec, params=spec.params[:1], constraints=()))
        after = answers(kb)
    as_of = [n for n, question in enumerate(QUESTIONS) if "as_of" in question]
    assert as_of
    assert [after[n] for n in as_of] == [before[n] for n in as_of]
