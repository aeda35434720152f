"""A store moves from one place to another whole, or it is said what stands in the way."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import tradingkb as tkb
from tests.moved import answer, fill, settings_file
from tradingkb.cli.app import app
from tradingkb.exceptions import (
    ConfigurationError,
    DiskFullError,
    InvalidInputError,
    StoreTooNewError,
)
from tradingkb.moving import migrate_store, settings_of_place
from tradingkb.settings import load_settings
from tradingkb.testing.ollama_server import OllamaServer
from tradingkb.testing.qdrant_server import QdrantServer
from tradingkb.upkeep import MoveReport, move_answers

Move = Callable[..., MoveReport]
COMPARE = "tradingkb.upkeep.moving.compare_answers"


@pytest.fixture(autouse=True)
def _few_objectives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of eight: the module's first move asks about all."""
    some = tuple(o for o in tkb.objectives() if o.name in ("sharpe", "calmar"))
    monkeypatch.setattr(move_answers, "objectives", lambda: some)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("moved") / "home"
    fill(home)
    return home


@pytest.fixture(scope="module")
def moved(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MoveReport]:
    """The home of a target that everything was moved to, and what was reported; left as it is."""
    folder = tmp_path_factory.mktemp("target")
    file = settings_file(folder / "to.env", TRADINGKB_HOME=folder / "there")
    with tkb.connect(filled, progress=False) as kb:
        return folder / "there", migrate_store(kb, file, apply=True)


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Path:
    """The home of a copy of the source."""
    return Path(shutil.copytree(filled, tmp_path / "home"))


@pytest.fixture
def move(source: Path, tmp_path: Path) -> Iterator[Move]:
    """Moves it to a place that settings say."""
    with tkb.connect(source, progress=False) as kb:

        def call(*, apply: bool = True, replace: bool = False, **said: Any) -> MoveReport:
            file = settings_file(tmp_path / "to.env", **said)
            return migrate_store(kb, file, apply=apply, replace=replace)

        yield call


def state(home: Path) -> str:
    """What the file of a store holds, byte by byte."""
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()


# --- what a move does -----------------------------------------------------------------------------


def test_everything_comes_along_and_answers_are_the_same(
    source: Path, moved: Any, tmp_path: Path
) -> None:
    there, report = shutil.copytree(moved[0], tmp_path / "there"), moved[1]
    assert report.clean
    assert (report.restored, report.changed, report.again) == (True, (), ())
    assert report.tables["source"].equals(report.tables["target"])
    assert report.answers is not None
    assert report.answers.asked == report.answers.same == 2 * 8 * 3
    with tkb.connect(source, progress=False) as before, tkb.connect(there, progress=False) as kb:
        assert kb.reconcile().clean
        assert answer(kb) == answer(before)
        for verb in ("history", "runs", "strategies", "trials"):
            assert getattr(kb, verb)().equals(getattr(before, verb)())
        assert kb.workspaces().equals(before.workspaces())
        notes = kb.recent_changes()["kind"].to_list()
    assert notes[0] == "move"
    assert "backup" in notes


def test_a_workspace_keeps_the_model_that_it_has_chosen(moved: Any) -> None:
    _, report = moved
    rows = {row["workspace"]: row for row in report.indexes.rows(named=True)}
    assert (rows["desk"]["embed_model"], rows["default"]["embed_model"]) == (
        "regime-cosine-v1",
        "regime-v1",
    )
    assert [row["held"] == row["expected"] > 0 for row in rows.values()] == [True, True]
    assert any("desk has chosen regime-cosine-v1" in note for note in report.notes)


def test_a_dry_run_changes_neither_side(source: Path, move: Move, tmp_path: Path) -> None:
    report = move(apply=False, TRADINGKB_HOME=tmp_path / "there")
    assert report.clean
    assert not report.applied
    assert not (tmp_path / "there").exists()
    text = str(report)
    assert text.startswith("dry run: 24 trials would be moved; nothing stands in the way")
    assert "the target holds nothing" in text
    assert "next: the same again, with apply=True" in text


def test_a_target_that_holds_the_same_is_not_restored_again(
    move: Move, moved: Any, tmp_path: Path
) -> None:
    home = shutil.copytree(moved[0], tmp_path / "there")
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection, connection:
        connection.execute("DELETE FROM kb_vectors")
    held = move(apply=False, TRADINGKB_HOME=home)
    assert "that is what the source holds: only its index is made" in str(held)
    report = move(TRADINGKB_HOME=home)
    assert (report.restored, report.clean) == (False, True)
    assert "backup" not in report.timings_s


def test_a_text_model_of_the_target_embeds_each_window_once_and_recommends_the_same(
    move: Move, tmp_path: Path
) -> None:
    """It may list other trials first; what is recommended does not rest on it."""
    with OllamaServer() as ollama:
        said = {"OLLAMA_HOST": ollama.url, "EMBED_MODEL": "nomic-embed-text"}
        report = move(TRADINGKB_HOME=tmp_path / "there", **said)
        texts = [text for asked in ollama.asked for text in asked.texts]
    assert report.clean
    assert report.answers is not None
    assert report.answers.asked == report.answers.same + report.answers.other_order
    dimensions = dict(report.indexes.select("workspace", "dimension").iter_rows())
    assert dimensions == {"default": 768, "desk": 32}
    assert sum(text.startswith("search_document: ") for text in texts) == 4


def test_another_build_of_a_model_that_a_workspace_has_chosen_recommends_the_same(
    source: Path, tmp_path: Path
) -> None:
    """Servers have the tag of one name from different days."""
    with (
        OllamaServer({"text": 64}) as ollama,
        OllamaServer({"text": 32}) as new,
        tkb.connect(source, ollama_host=ollama.url, progress=False) as kb,
    ):
        new.pull_again("text")
        kb.reembed("default", "text")
        kb.activate("text")
        place = {"TRADINGKB_HOME": tmp_path / "there", "OLLAMA_HOST": new.url}
        report = migrate_store(kb, settings_file(tmp_path / "to.env", **place), apply=True)
    assert report.clean, str(report)
    assert report.answers is not None
    assert report.answers.other_order > 0


# --- what stands in the way -----------------------------------------------------------------------


def test_other_content_of_the_target_is_replaced_only_when_told_to(
    move: Move, moved: Any, tmp_path: Path
) -> None:
    home = tmp_path / "there"
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("theirs")
        kb.register_strategy(tkb.StrategySpec("theirs", (tkb.ParamSpec("n", "int"),)), "theirs")
    held = state(home)
    refused = move(apply=False, TRADINGKB_HOME=home)
    assert not refused.clean
    assert "1 strategy specs" in refused.obstacles[0]
    with pytest.raises(InvalidInputError, match=r"not empty.*say replace=True"):
        move(TRADINGKB_HOME=home)
    assert state(home) == held
    report = move(replace=True, TRADINGKB_HOME=home)
    assert report.clean
    assert dict(report.tables.select("table", "before").iter_rows())["strategy_specs"] == 1


def test_a_store_is_not_moved_to_itself(move: Move, source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source, target_is_directory=True)
    for home in (source, tmp_path / "link"):
        with pytest.raises(InvalidInputError, match="same store"):
            move(TRADINGKB_HOME=home, replace=True)
    file = source / "tradingkb.db"
    for name in (f"{source}/none/../tradingkb.db", f"file:{file}?uri=true"):
        with pytest.raises(InvalidInputError, match="same store"):
            move(DATABASE_URL=f"sqlite:///{name}", replace=True)


def test_a_target_of_a_newer_schema_is_left_alone(move: Move, tmp_path: Path) -> None:
    home = tmp_path / "there"
    tkb.connect(home, progress=False).close()
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection, connection:
        connection.execute("INSERT INTO tradingkb_schema (major) VALUES (99)")
    held = state(home)
    assert "upgrade tradingkb" in move(apply=False, TRADINGKB_HOME=home).obstacles[0]
    with pytest.raises(StoreTooNewError):
        move(TRADINGKB_HOME=home, replace=True)
    assert state(home) == held


def test_every_obstacle_is_told_at_once_and_no_password_with_it(move: Move, tmp_path: Path) -> None:
    report = move(
        apply=False,
        DATABASE_URL=f"sqlite:///{tmp_path / 'kb.db'}",
        QDRANT_URL="http://me:pw-secret@127.0.0.1:9",
        EMBED_MODEL="of-another-machine",
    )
    said = str(report) + json.dumps(report.to_dict())
    assert "pw-secret" not in said
    assert [text.split(":")[0] for text in report.obstacles] == [
        "model 'of-another-machine' is not known here",
        "Qdrant did not answer",
    ]
    assert "24 trials cannot be moved yet; nothing has been changed" in said
    assert not (tmp_path / "kb.db").exists()


def test_what_a_target_holds_that_cannot_be_looked_at_is_unknown(
    move: Move, tmp_path: Path
) -> None:
    """A wrong password or host: nothing says that there are no tables, or no rows."""
    report = move(apply=False, DATABASE_URL="postgresql+psycopg://kb:pw@127.0.0.1:9/kb")
    assert not report.target.known
    assert report.tables["before"].null_count() == report.tables.height
    assert "127.0.0.1:9/kb (unknown what it holds)" in str(report)
    assert "nothing\n" not in str(report)
    assert "no tables" not in str(report)
    known = move(apply=False, TRADINGKB_HOME=tmp_path / "none")
    assert known.target.known
    assert "(no tables yet)" in str(known)


def test_a_collection_of_another_dimension_is_in_the_way(
    move: Move, moved: Any, tmp_path: Path
) -> None:
    home = shutil.copytree(moved[0], tmp_path / "there")
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection, connection:
        connection.execute("UPDATE kb_vector_collections SET dimension = 3 WHERE name LIKE '%cos%'")
    with pytest.raises(ConfigurationError, match="has dimension 3, 'regime-cosine-v1' makes 32"):
        move(TRADINGKB_HOME=home)


def test_a_collection_of_another_program_is_in_the_way(move: Move, tmp_path: Path) -> None:
    with QdrantServer() as qdrant:
        named = {"vectors": {"text": {"size": 3, "distance": "Cosine"}}}
        httpx.put(f"{qdrant.url}/collections/kb_regime_v1_v1", json=named)
        report = move(apply=False, TRADINGKB_HOME=tmp_path / "there", QDRANT_URL=qdrant.url)
    assert len(report.obstacles) == 1
    assert "'kb_regime_v1_v1' of the target belongs to another program" in report.obstacles[0]


def test_a_collection_that_the_source_searches_by_another_model_is_in_the_way(
    source: Path, tmp_path: Path
) -> None:
    """Points of both have the same ids: the target's would be written over those of the source."""
    with (
        QdrantServer() as qdrant,
        OllamaServer({"text": 64}) as ollama,
        tkb.connect(source, qdrant_url=qdrant.url) as kb,
    ):
        kb.reconcile(repair=True)
        there = {"TRADINGKB_HOME": tmp_path / "there", "QDRANT_URL": qdrant.url}
        text = {"OLLAMA_HOST": ollama.url, "EMBED_MODEL": "text"}
        file = settings_file(tmp_path / "to.env", **there, **text)
        settings_file(file, **there, **text, QDRANT_COLLECTION_ACTIVE="kb_regime_v1_v1")
        with pytest.raises(ConfigurationError, match="is the source's, which searches it by 'reg"):
            migrate_store(kb, file, apply=True)
        settings_file(file, **there, **text)
        assert migrate_store(kb, file).obstacles == ()
        settings_file(file, **there)
        report = migrate_store(kb, file, apply=True)
        assert report.clean
        shared = [note.split()[1] for note in report.notes if "is the source's, too" in note]
        assert shared == ["kb_regime_cosine_v1_v1", "kb_regime_v1_v1"]
        assert kb.reconcile().clean


def test_a_disk_without_room_is_in_the_way_before_anything_is_written(
    move: Move, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("tradingkb.upkeep.moving.shutil.disk_usage", lambda _: usage(9, 9, 1000))
    with pytest.raises(DiskFullError, match="make room"):
        move(TRADINGKB_HOME=tmp_path / "there")
    assert not (tmp_path / "there").exists()


# --- what happens meanwhile -----------------------------------------------------------------------


def test_a_source_that_is_written_to_meanwhile_is_noticed(
    source: Path, move: Move, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next call, with what is told, makes both sides the same."""

    def meanwhile(*args: Any) -> Any:
        with tkb.connect(source, progress=False) as other:
            other.recommend("sma_cross", regime=["uptrend"])
            other.create_workspace("late")
            other.register_strategy(tkb.StrategySpec("late", (tkb.ParamSpec("n", "int"),)))
        return move_answers.compare_answers(*args)

    monkeypatch.setattr(COMPARE, meanwhile)
    report = move(TRADINGKB_HOME=tmp_path / "there")
    assert not report.clean
    assert set(report.changed) == {
        *("workspaces", "strategy_specs", "spec_registrations"),
        *("recommend_events", "event_rollups", "rejection_rollups"),
    }
    assert report.differing == report.changed
    assert report.answers is not None
    assert report.answers.examples[0].startswith("default: late, sharpe, ")
    assert "error" in report.answers.examples[0]
    assert "stop what writes to it, and move again" in str(report)
    assert "next: the same again, with apply=True and replace=True" in str(report)
    monkeypatch.setattr(COMPARE, move_answers.compare_answers)
    assert move(TRADINGKB_HOME=tmp_path / "there", replace=True).clean


def test_answers_that_differ_are_named(
    move: Move, moved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shutil.copytree(moved[0], tmp_path / "there")
    monkeypatch.setattr(
        COMPARE,
        lambda here, there, progress: move_answers.compare_answers(here, spoilt(there), progress),
    )
    report = move(TRADINGKB_HOME=home)
    assert not report.clean
    assert report.answers is not None
    assert report.answers.different == 6
    assert report.answers.examples[0] == "default: sma_cross, calmar, GOOG 1d: params differ"
    assert report.again == ()
    assert "next: both sides hold the same and nothing is left to move" in str(report)


def test_answers_that_differ_by_the_rounding_of_similarities_are_the_same(
    move: Move, moved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers compute in float32; a larger difference is told with its trial."""
    home = shutil.copytree(moved[0], tmp_path / "there")
    for step, (rounding, different) in {1e-4: (8, 0), 1e-2: (0, 8)}.items():
        monkeypatch.setattr(
            COMPARE,
            lambda here, there, progress, step=step: move_answers.compare_answers(
                here, shifted(there, step), progress
            ),
        )
        report = move(TRADINGKB_HOME=home)
        assert report.answers is not None
        assert (report.answers.rounding, report.answers.different) == (rounding, different)
        assert report.clean is not bool(different)
    assert "trials differ (" in report.answers.examples[0]
    assert "first " in report.answers.examples[0]


def test_answers_that_an_index_did_not_take_part_in_are_not_called_different(
    move: Move, moved: Any, tmp_path: Path
) -> None:
    """A vector server that is too slow, or that goes away meanwhile."""
    home = shutil.copytree(moved[0], tmp_path / "there")

    def gone(here: Any, there: Any, progress: Any) -> Any:
        with closing(sqlite3.connect(home / "tradingkb.db")) as connection, connection:
            connection.execute("DELETE FROM kb_vectors")
            connection.execute("UPDATE kb_vector_generations SET generation = generation + 1")
        return move_answers.compare_answers(here, there, progress)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(COMPARE, gone)
        report = move(TRADINGKB_HOME=home)
    assert not report.clean
    assert report.answers is not None
    assert report.answers.different == 0
    assert report.answers.without_index == 8
    assert "could not be compared, for an index did not answer" in str(report)
    assert "next: the same again, with apply=True" in str(report)


def shifted(there: Any, step: float) -> Any:
    """A side whose vector server finds all windows a little farther."""

    def answer(*asked: Any) -> Any:
        found = dict(there.answer(*asked))
        near = [
            t if t["similarity"] is None else {**t, "similarity": t["similarity"] - step}
            for t in found["trials"]
        ]
        return {**found, "trials": near}

    return move_answers.Answering(there.store, there.targets, answer)


def spoilt(there: Any) -> Any:
    """A side that chooses something else for one objective."""

    def answer(target: Any, strategy: str, objective: str, market: Any) -> Any:
        found = dict(there.answer(target, strategy, objective, market))
        return {**found, "params": {"n": 1}} if objective == "calmar" else found

    return move_answers.Answering(there.store, there.targets, answer)


# --- the file and the command ---------------------------------------------------------------------


def test_the_file_alone_says_where_the_target_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment says where the source is, and must not speak for the target."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:////source.db")
    monkeypatch.setenv("EMBED_MODEL", "regime-cosine-v1")
    monkeypatch.setenv("TRADINGKB_TOP_K", "7")
    said = {"QDRANT_URL": "http://q:6333", "EMBED_DIM": "", "OTHER": "x"}
    of_compose = {"POSTGRES_PASSWORD": "x", "QDRANT__SERVICE__API_KEY": "x", "TRADINGKB_PORT": 1}
    file = settings_file(tmp_path / "to.env", **said, **of_compose)
    found = settings_of_place(load_settings(), file)
    assert (found.database_url, found.qdrant_url) == (None, "http://q:6333")
    assert (found.embed_model, found.embed_dim, found.top_k) == ("regime-v1", None, 7)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"DATABASE_URL=\xe4\n")
    for name, why in (("none", "No such file"), ("", "Is a directory"), ("latin", "UTF-8")):
        with pytest.raises(InvalidInputError, match=why):
            settings_of_place(load_settings(), tmp_path / name)
    file = settings_file(tmp_path / "to.env", EMBED_DIM="many")
    with pytest.raises(ConfigurationError, match="EMBED_DIM"):
        settings_of_place(load_settings(), file)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "says nothing of a place"),
        ("OTHER=x\nRATE_LIMIT_BACKEND=redis\n", "says nothing of a place"),
        ("home=/x\n", "says nothing of a place"),
        ('{"DATABASE_URL": "sqlite:///x"}', "says nothing of a place"),
        ("TRADINGKB_HOME=/x\nDATABSE_URL=sqlite:///x\n", r"sets DATABSE_URL, .*write DATABASE_URL"),
        ("TRADINGKB_HOME=/x\nQDRANT_PLACE=x\n", r"sets QDRANT_PLACE, .*correct it, or take it out"),
        ("DATABSE_URL=sqlite:///x\n", r"sets DATABSE_URL, .*write DATABASE_URL"),
        ("TRADINGKB_HOME=/x\nQDRANT_UR=http://q\n", r"sets QDRANT_UR, .*write QDRANT_URL"),
    ],
)
def test_a_file_that_does_not_say_where_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """The default home would be the target, whose content may go."""
    file = tmp_path / "to.env"
    file.write_text(text, "utf-8")
    with pytest.raises(InvalidInputError, match=why):
        settings_of_place(load_settings(), file)


def test_the_command_exits_with_7_when_something_is_in_the_way(
    source: Path, tmp_path: Path
) -> None:
    file = settings_file(tmp_path / "place.env", TRADINGKB_HOME=source)
    line = ["--home", str(source), "migrate-store"]
    for side in ("--to", "--from"):
        result = CliRunner().invoke(app, [*line, side, str(file), "--json"])
        assert result.exit_code == 7, result.output
        assert not json.loads(result.stdout)["clean"]
        told = CliRunner().invoke(app, [*line, side, str(file)])
        result = CliRunner().invoke(app, [*line, side, str(file), "--apply"])
        assert (told.exit_code, result.exit_code) == (7, 7)
        assert "stands in the way: to: source and target are the same store" in result.stdout
        assert _without_times(result.stdout) == _without_times(told.stdout)
    result = CliRunner().invoke(app, line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "give the target as --to, the source as --from" in result.stderr


def _without_times(told: str) -> list[str]:
    return [line for line in told.splitlines() if not line.startswith("  look ")]


def test_the_command_moves_and_only_reads_the_source(
    filled: Path, source: Path, tmp_path: Path
) -> None:
    """A target that `tradingkb init` was called on has no content that could be lost."""
    held, there = state(filled), tmp_path / "there"
    CliRunner().invoke(app, ["--home", str(there), "init"])
    file = settings_file(tmp_path / "from.env", TRADINGKB_HOME=source)
    line = ["--home", str(there), "migrate-store", "--from", str(file)]
    assert "with --apply" in CliRunner().invoke(app, line).stdout
    result = CliRunner().invoke(app, [*line, "--apply"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("24 trials are in the target: both sides say and answer the")
    assert state(source) == held
    assert {p.name.split(".db")[0] for p in source.iterdir()} == {"tradingkb"}
