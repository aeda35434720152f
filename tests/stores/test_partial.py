"""What a killed process left half done goes with the next one; what is being made stays."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tradingkb.stores.partial import partial

DAY = 24 * 3600


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def makes(path: Path, told: Connection) -> None:
    """Begins a file and waits until it is killed, or told to finish."""
    with partial(path) as temporary:
        temporary.write_bytes(b"half")
        told.send("begun")
        told.recv()
        temporary.replace(path)
    told.send("done")


class Maker:
    """Another process that is making a file."""

    def __init__(self, path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.told, other = context.Pipe()
        self.process = context.Process(target=makes, args=(path, other))
        self.process.start()
        assert self.told.recv() == "begun"

    def killed(self) -> None:
        self.process.kill()
        self.process.join()

    def finished(self) -> None:
        self.told.send("go on")
        assert self.told.recv() == "done"
        self.process.join()


def test_the_next_one_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    for maker in [Maker(tmp_path / name) for name in ("a", "b")]:
        maker.killed()
    assert len(leftovers(tmp_path)) == 2
    with partial(tmp_path / "c") as temporary:
        assert leftovers(tmp_path) == [temporary.parent.name]
    assert leftovers(tmp_path) == []


def test_what_another_process_is_making_stays_and_gets_its_name(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "a")
    with partial(tmp_path / "a") as temporary:
        assert len(leftovers(tmp_path)) == 2
        assert temporary.parent.name in leftovers(tmp_path)
    maker.finished()
    assert (tmp_path / "a").read_bytes() == b"half"
    assert leftovers(tmp_path) == []


def aged(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_what_earlier_releases_left_goes_after_a_day(tmp_path: Path) -> None:
    """They made files without a lock: nothing else says whether one is being made."""
    for name, age in ((".old.1a2b3c4d.partial", 2 * DAY), (".new.1a2b3c4d.partial", 60)):
        (tmp_path / name).write_bytes(b"half")
        (tmp_path / f"{name}-journal").write_bytes(b"half")
        aged(tmp_path / name, age)
        aged(tmp_path / f"{name}-journal", age)
    with partial(tmp_path / "a"):
        pass
    assert leftovers(tmp_path) == [".new.1a2b3c4d.partial", ".new.1a2b3c4d.partial-journal"]


def test_a_folder_that_has_no_lock_yet_is_being_made(tmp_path: Path) -> None:
    for name, age in ((".a.1a2b3c4d.new", 60), (".b.1a2b3c4d.new", 2 * DAY)):
        (tmp_path / name).mkdir()
        aged(tmp_path / name, age)
    with partial(tmp_path / "c"):
        pass
    assert leftovers(tmp_path) == [".a.1a2b3c4d.new"]


@pytest.mark.parametrize(
    "name", [".env.partial", "x.1a2b3c4d.partial", ".x.1a2b3c4d.partial.txt", ".x.1A2B3C4D.partial"]
)
def test_files_of_others_stay_however_old(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    aged(tmp_path / name, 400 * DAY)
    with partial(tmp_path / "a"):
        pass
    assert (tmp_path / name).read_bytes() == b"mine"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "lock").touch()
    (tmp_path / ".x.1a2b3c4d.partial").symlink_to(tmp_path / "precious")
    with partial(tmp_path / "a"):
        pass
    assert (tmp_path / "precious" / "lock").exists()


def test_a_folder_that_is_gone_at_the_end_hides_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="what happened"), partial(tmp_path / "a") as temporary:
        shutil.rmtree(temporary.parent)
        raise ValueError("what happened")
