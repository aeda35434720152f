"""A move to servers that is killed anywhere has harmed neither side, and the next finishes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import tradingkb as tkb
from tests.moved import answer, fill, settings_file
from tests.survival import oracle
from tests.survival.campaign import PLACED
from tests.survival.faults import KilledAtCommit
from tests.survival.victim import Victim
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.moving import migrate_store
from tradingkb.testing.qdrant_server import QdrantServer
from tradingkb.upkeep import move_answers


@dataclass(frozen=True)
class Move:
    """A source and a target.

    Attributes:
        home: of the source.
        there: of the target: no store is in it.
        file: says where the target is.
        settings: the same, for `connect`.
    """

    home: Path
    there: Path
    file: Path
    settings: dict[str, Any]

    def target(self) -> tkb.KnowledgeBase:
        return tkb.connect(self.there, progress=False, **self.settings)


@pytest.fixture(scope="module")
def qdrant() -> Iterator[QdrantServer]:
    with QdrantServer() as server:
        yield server


@pytest.fixture(scope="module")
def wanted(
    qdrant: QdrantServer, postgres_module_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Move:
    folder = tmp_path_factory.mktemp("moved")
    fill(folder / "home")
    settings = {"database_url": postgres_module_database, "qdrant_url": qdrant.url}
    said = {name.upper(): value for name, value in settings.items()}
    file = settings_file(folder / "to.env", TRADINGKB_HOME=folder / "there", **said)
    return Move(folder / "home", folder / "there", file, settings)


def move(kb: tkb.KnowledgeBase, file: Path) -> tuple[bool, bool]:
    """Whether both sides are the same now, and whether it was this call that restored."""
    one = tuple(o for o in tkb.objectives() if o.name == "sharpe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(move_answers, "objectives", lambda: one)
        report = migrate_store(kb, file, apply=True)
    return report.clean, report.restored


@pytest.fixture(scope="module")
def moved(wanted: Move) -> tuple[Move, set[int], tuple[bool, bool]]:
    """The move after one kill per commit; trials in the target by kill; what the last call said.

    Each process gets one commit further than the one before, into the same target.
    """
    trials = set[int]()
    for number in count(1):
        outcome = Victim(wanted.home, move, wanted.file, faults=(KilledAtCommit(number),)).outcome()
        if not outcome.killed:
            return wanted, trials, outcome.succeeded()
        PLACED["move"] += 1
        trials.add(len(oracle.select(wanted.settings["database_url"], "SELECT id FROM trials")))
    raise AssertionError


def test_a_move_that_is_killed_at_each_commit_goes_on_where_it_was(moved: Any) -> None:
    """Killed before the restore is committed, nothing is there; killed later, all but points."""
    there, trials, last = moved
    assert trials == {0, 24}
    assert last == (True, False)
    assert [p.name for p in there.home.iterdir() if "moving" in p.name] == []


def test_embedded_and_servers_answer_the_same(moved: Any, tmp_path: Path) -> None:
    home = shutil.copytree(moved[0].home, tmp_path / "home")
    with moved[0].target() as kb, tkb.connect(home, progress=False) as before:
        assert kb.reconcile().clean
        assert kb.use_cases.store.digests() == before.use_cases.store.digests()
        assert answer(kb) == answer(before)


def test_the_way_back_leads_to_the_same_content(moved: Any, tmp_path: Path) -> None:
    file = settings_file(tmp_path / "back.env", TRADINGKB_HOME=tmp_path / "back")
    with moved[0].target() as kb:
        assert move(kb, file) == (True, True)
        said = kb.use_cases.store.digests()
    with tkb.connect(tmp_path / "back", progress=False) as back:
        assert back.use_cases.store.digests() == said
        assert back.reconcile().clean


def test_an_index_that_fails_in_the_midst_is_finished_by_the_next_call(
    wanted: Move,
    qdrant: QdrantServer,
    with_tables: Callable[[str], str],
    tmp_path: Path,
) -> None:
    url = sa.make_url(with_tables("postgresql")).set(password="pw-secret")
    said = {"DATABASE_URL": url.render_as_string(False), "QDRANT_URL": qdrant.url}
    file = settings_file(tmp_path / "to.env", **said)
    with tkb.connect(wanted.home, progress=False) as kb:
        qdrant.fail(500, times=9, path="/points$")
        with pytest.raises(BackendUnavailableError) as failed:
            migrate_store(kb, file, apply=True)
        assert "pw-secret" not in str(failed.value)
        qdrant.restore()
        assert move(kb, file) == (True, False)


def test_a_refused_login_is_told_without_the_password(
    wanted: Move, postgres_url: sa.URL, tmp_path: Path
) -> None:
    url = postgres_url.set(username="stranger", password="pw-secret").render_as_string(False)
    with tkb.connect(wanted.home, progress=False) as kb:
        report = migrate_store(kb, settings_file(tmp_path / "to.env", DATABASE_URL=url))
    assert "correct user and password" in report.obstacles[0]
    assert "pw-secret" not in f"{report}{report.to_dict()}"
