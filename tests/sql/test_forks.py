"""A fork is told at once that it cannot use what it inherited, where it would hang for ever."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tradingkb.exceptions import ConfigurationError, ForkedError
from tradingkb.sql import open_engine, reading
from tradingkb.sql.forks import refuse_fork

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system has no forks"
)

PROGRAM = """
import multiprocessing, sys
import tradingkb as tkb
from tests.recommend.sweeps import grid

def child(queue, act):
    try:
        queue.put(f"done: {act()}")
    except BaseException as error:
        queue.put(f"{type(error).__name__}: {error}")

def told(act):
    queue = context.Queue()
    process = context.Process(target=child, args=(queue, act))
    process.start()
    process.join(20)
    if process.is_alive():
        process.kill()
        return "hangs"
    return queue.get()

def opened_again():
    with tkb.connect(home, progress=False) as other:
        return other.ingest(grid(3)).skipped

context, home = multiprocessing.get_context("fork"), sys.argv[1]
kb = tkb.connect(home, progress=False)
print(told(opened_again))
kb.ingest(grid(3))
kb.recommend("s")
for act in (lambda: kb.recommend("s"), lambda: kb.ingest(grid(3)), kb.workspaces, kb.close,
            lambda: kb.recommend_many(strategies=["s"]), opened_again):
    print(told(act))
print(kb.recommend("s").status)
print(kb.events().height)
"""


def test_every_verb_in_a_fork_says_what_to_do_and_the_parent_goes_on(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "home")],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    before, *verbs, again, status, events = run.stdout.splitlines()
    assert before == "done: 0", run.stderr  # a fork that opens its own before Polars is at work
    recommend, ingest, workspaces, close, many = verbs
    for said in (recommend, ingest, workspaces, many):
        assert said.startswith("ForkedError: this knowledge base was opened in another process")
        assert "'spawn'" in said
        assert "connect() in the child" in said
    assert close == "done: None"
    assert again.startswith("ForkedError" if sys.platform == "linux" else ("done", "hangs"))
    assert (status, events) == ("degraded", "2")


def test_a_connection_does_not_cross_a_fork(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with reading(engine):
        pass
    assert _exit_code_of_child(lambda: _reads(engine)) == 7
    engine.dispose()
    assert issubclass(ForkedError, ConfigurationError)


def test_the_question_whether_it_is_a_fork_costs_nothing_that_can_be_measured(
    tmp_path: Path,
) -> None:
    """Beside the hundred microseconds of the smallest transaction."""
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    began = time.perf_counter()
    for _ in range(10_000):
        refuse_fork(engine)
    assert (time.perf_counter() - began) / 10_000 < 20e-6
    engine.dispose()


def _reads(engine: object) -> int:
    try:
        with reading(engine):  # type: ignore[arg-type]
            return 0
    except ForkedError:
        return 7


def _exit_code_of_child(act: Callable[[], int]) -> int:
    child = os.fork()
    if child == 0:
        os._exit(act())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
