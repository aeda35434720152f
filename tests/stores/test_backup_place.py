"""A backup replaces a backup, or a file that nobody needs; never a part of a store, or a device."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import tradingkb as tkb
from tests.recommend.sweeps import grid
from tradingkb.exceptions import InvalidBackupError, InvalidInputError
from tradingkb.stores.backup_place import refuse_place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "folder"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store with trials."""
    home = tmp_path_factory.mktemp("stored") / "home"
    with tkb.connect(home, progress=False) as kb:
        kb.ingest(grid(2))
    return home


@pytest.fixture
def kb(stored: Path, tmp_path: Path, folder: Path) -> Iterator[tkb.KnowledgeBase]:
    """It is open and has written, so that its log is there."""
    folder.mkdir()
    with tkb.connect(Path(shutil.copytree(stored, tmp_path / "home")), progress=False) as kb:
        kb.create_workspace("other")
        yield kb


def own_file(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    return kb.settings.home / "tradingkb.db"


def own_log(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    return kb.settings.home / "tradingkb.db-wal"


def own_shared_memory(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    return kb.settings.home / "tradingkb.db-shm"


def a_log_that_is_not_there(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    """Of a store that nobody has open: it would be taken for its log."""
    return closed_store(kb, folder).with_name("tradingkb.db-wal")


def closed_store(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    tkb.connect(folder / "other", progress=False).close()
    return folder / "other" / "tradingkb.db"


def forgotten_log(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    path = folder / "renamed"
    path.write_bytes(own_log(kb, folder).read_bytes())
    return path


def database_of_another_program(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    with closing(sqlite3.connect(folder / "x")) as connection:
        connection.execute("CREATE TABLE t (a)")
    return folder / "x"


def backup_that_became_a_store(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    kb.backup(folder / "tradingkb.db")
    with tkb.connect(folder, progress=False) as other:
        other.ingest(grid(3))
    return folder / "tradingkb.db"


def device(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    return Path(os.devnull)


def pipe(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def linked(place: Callable[[tkb.KnowledgeBase, Path], Path]) -> Callable[..., Path]:
    def link(kb: tkb.KnowledgeBase, folder: Path) -> Path:
        (folder / "link").symlink_to(place(kb, folder))
        return folder / "link"

    link.__name__ = f"link_to_{place.__name__}"
    return link


def link_to_nothing(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nothing")
    return folder / "link"


def loop_of_links(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def inside_a_loop(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    return loop_of_links(kb, folder) / "backup"


def link_to_a_folder(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    (folder / "link").symlink_to(folder)
    return folder / "link"


def name_with_nul(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    return folder / "a\0b"


def name_with_half_a_pair(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    return folder / "\ud800"


def name_that_is_too_long(kb: tkb.KnowledgeBase, folder: Path) -> Path:
    return folder / ("x" * 300)


PARTS = (own_file, own_log, own_shared_memory, closed_store, device, pipe)
PLACES = [
    *PARTS,
    *map(linked, PARTS),
    a_log_that_is_not_there,
    forgotten_log,
    database_of_another_program,
    backup_that_became_a_store,
    link_to_nothing,
    loop_of_links,
    inside_a_loop,
    link_to_a_folder,
    name_with_nul,
    name_with_half_a_pair,
    name_that_is_too_long,
]


def contents(folder: Path) -> dict[str, bytes | None]:
    """All files below a folder, except for shared memory, which changes with every read."""
    paths = [p for p in folder.rglob("*") if not p.name.endswith("-shm")]
    return {str(p): p.read_bytes() if p.is_file() else None for p in paths}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_what_is_no_place_for_a_backup_is_refused_and_stays_as_it_is(
    kb: tkb.KnowledgeBase,
    folder: Path,
    tmp_path: Path,
    place: Callable[[tkb.KnowledgeBase, Path], Path],
) -> None:
    path = place(kb, folder)
    before = contents(tmp_path)
    with pytest.raises(InvalidInputError) as caught:
        kb.backup(path, replace=True)
    assert caught.value.field == "path"
    assert caught.value.remedy
    assert contents(tmp_path) == before


@pytest.mark.parametrize("before", ["backup", "text", "nothing", "link", "damaged"])
def test_a_backup_or_a_plain_file_is_replaced(
    kb: tkb.KnowledgeBase, folder: Path, before: str
) -> None:
    path = folder / "backup"
    if before == "text":
        path.write_text("notes", encoding="utf-8")
    if before == "link":
        (folder / "older").write_bytes(b"an older one")
        path.symlink_to(folder / "older")
    if before in ("backup", "damaged"):
        kb.backup(path)
    kb.backup(path, replace=True)
    assert not path.is_symlink()
    if before == "link":
        assert (folder / "older").read_bytes() == b"an older one"
    with tkb.connect(folder / "new", progress=False) as other:
        assert other.restore(path).rows["trials"] == kb.trials().height


def test_nothing_is_replaced_unasked(kb: tkb.KnowledgeBase, folder: Path) -> None:
    kb.backup(folder / "backup")
    with pytest.raises(InvalidInputError, match="say replace=True"):
        kb.backup(folder / "backup")


def test_a_place_is_looked_at_again_when_the_backup_is_complete(
    kb: tkb.KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tradingkb.stores import backup_file

    asked: list[Path] = []

    def refuse(path: Path, *, replace: bool) -> None:
        asked.append(path)
        refuse_place(path, replace=replace)
        if len(asked) == 1:
            path.mkdir()

    monkeypatch.setattr(backup_file, "refuse_place", refuse)
    with pytest.raises(InvalidInputError, match="is a folder"):
        kb.backup(folder / "backup", replace=True)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "place",
    [device, pipe, loop_of_links, name_with_nul, name_with_half_a_pair, name_that_is_too_long],
    ids=lambda place: place.__name__,
)
def test_what_can_be_no_backup_is_not_waited_for(
    kb: tkb.KnowledgeBase, folder: Path, place: Callable[[tkb.KnowledgeBase, Path], Path]
) -> None:
    with pytest.raises(InvalidBackupError) as caught:
        kb.restore(place(kb, folder), replace=True)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["~nobody-of-this-name/backup"])
def test_a_folder_of_nobody_is_an_error_of_the_input(kb: tkb.KnowledgeBase, name: str) -> None:
    for verb in (kb.backup, kb.restore):
        with pytest.raises(InvalidInputError, match="path: "):
            verb(name)
