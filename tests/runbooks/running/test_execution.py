"""Who does not end is asked, then ended, then left alone; without a kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tradingkb.runbooks import CellAt
from tradingkb.runbooks.running import execution
from tradingkb.runbooks.running.execution import BEAT_S, Execution

AT = CellAt(1, 2, "Plan")


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_LOOK_S", 0.01)


class Clock:
    """Seconds that pass with each reading."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class World:
    """A kernel whose cells end when it hears what it listens to, and what was done to it."""

    def __init__(self, hears: str, **options: Any) -> None:
        self.hears, self.done, self.told = hears, list[str](), list[CellAt | None]()
        self.over = threading.Event()
        self.stop = threading.Event()
        self.on_beat: Callable[[], None] = lambda: None
        kernel: Any = self
        given = {"deadline_s": 9.0, "grace_s": 0.5, "monotonic": Clock(0.25), **options}
        self.execution = Execution(kernel, beat=self.beat, stop=self.stop, **given)
        self.execution._execute = self.execute  # type: ignore[method-assign]

    def beat(self, at: CellAt | None) -> None:
        self.told.append(at)
        self.on_beat()

    def execute(self, cells: Any) -> None:
        self.execution.tell(AT)
        if self.hears != "ends":
            self.over.wait(5)

    def hear(self, what: str) -> None:
        self.done.append(what)
        if self.hears == what:
            self.over.set()

    def interrupt(self) -> None:
        self.hear("interrupt")

    def kill(self) -> None:
        self.hear("kill")

    def close(self) -> None:
        self.done.append("close")

    def death(self) -> str:
        return ""

    def run(self) -> str | None:
        cells: Any = None
        found = self.execution.run(cells)
        self.over.set()
        return found


def test_cells_that_end_are_let_alone() -> None:
    world = World("ends")
    assert world.run() is None
    assert (world.done, world.told[0]) == (["close"], AT)


@pytest.mark.parametrize(
    ("hears", "done"),
    [
        ("interrupt", ["interrupt", "kill", "close"]),
        ("kill", ["interrupt", "kill", "kill", "close"]),
    ],
)
def test_after_the_deadline_a_kernel_is_asked_and_then_ended_with_what_it_has_started(
    hears: str, done: list[str]
) -> None:
    world = World(hears)
    assert world.run() == "its deadline of 9 s was over"
    assert world.done == done


def test_nobody_waits_for_ever_even_if_an_end_is_not_heard() -> None:
    world = World("nothing")
    assert world.run() == "its deadline of 9 s was over"
    assert world.done == ["interrupt", "kill"]


def test_where_whoever_is_told_breaks_nothing_goes_on_unwatched() -> None:
    """A row that says failed, and a kernel that goes on to change things, is the worst of both."""
    world = World("kill")

    def breaks() -> None:
        raise BrokenPipeError

    world.on_beat = breaks
    with pytest.raises(BrokenPipeError):
        world.run()
    assert world.done[0] == "kill"


def test_a_run_that_is_to_stop_ends_as_interrupted_before_its_deadline() -> None:
    world = World("interrupt", deadline_s=1e9)
    world.on_beat = world.stop.set
    assert world.run() == "interrupted"
    assert not world.execution.interrupted


def test_a_second_interrupt_has_no_patience() -> None:
    world = World("kill", deadline_s=1e9, grace_s=1e6, monotonic=Clock(BEAT_S))
    world.over.wait = lambda _: world.killed.wait(5)  # type: ignore[attr-defined,method-assign]
    world.killed = threading.Event()  # type: ignore[attr-defined]
    beats = iter(range(2))

    def interrupt() -> None:
        if next(beats, None) is not None:
            raise KeyboardInterrupt

    def kill() -> None:
        world.done.append("kill")
        world.killed.set()  # type: ignore[attr-defined]

    world.on_beat, world.kill = interrupt, kill  # type: ignore[method-assign]
    assert world.run() == "interrupted"
    assert world.execution.interrupted
    assert world.done[:2] == ["interrupt", "kill"]


def test_a_run_says_that_it_lives_while_its_cell_is_at_work() -> None:
    world = World("interrupt", deadline_s=3 * BEAT_S, monotonic=Clock(BEAT_S / 4))
    world.run()
    assert world.told.count(None) >= 2
