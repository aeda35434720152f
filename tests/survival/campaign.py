"""Killing an operation again and again, and asking the store afterwards what it lost."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.survival.faults import Fault, KilledAtCommit
from tests.survival.victim import Victim, duration_s

#: TRADINGKB_KILLS multiplies the random kills: 10 for an evening, 100 for a night.
SEEDS = range(int(os.environ.get("TRADINGKB_KILLS", "1")))
#: Kills that one store suffers before it is healed.
IN_A_ROW = 4
#: Processes that died by SIGKILL before they were done, by operation: at a chosen place, and at
#: a random moment.
PLACED: Counter[str] = Counter()
AT_RANDOM: Counter[str] = Counter()


@dataclass(frozen=True)
class Case:
    """An operation that is killed.

    Attributes:
        name: what its kills are counted under; see tests/kills.py.
        start: the home that each attempt begins with; it need not exist.
        operation, arguments: what is done: `operation(kb, *arguments)`.
        wounded: checks a home after a kill.
        healed: does the operation once more, undisturbed, and checks the home.
    """

    name: str
    start: Path
    operation: Callable[..., Any]
    arguments: tuple[Any, ...]
    wounded: Callable[[Path], None]
    healed: Callable[[Path], None]

    def fresh(self, home: Path) -> Path:
        """A copy of the start, in place of what was there."""
        return fresh(self.start, home)

    def victim(self, home: Path, *faults: Fault) -> Victim:
        """A process that does it."""
        return Victim(home, self.operation, *self.arguments, faults=faults)


def fresh(start: Path, home: Path) -> Path:
    """A copy of a home, in place of what was there; of one that does not exist, nothing."""
    shutil.rmtree(home, ignore_errors=True)
    if start.exists():
        shutil.copytree(start, home)
    return home


def kill_everywhere(case: Case, folder: Path, at: Callable[[int], Fault] = KilledAtCommit) -> int:
    """One store per commit of the operation, killed just before it; how many there were."""
    known: set[str] = set()
    for number in count(1):
        home = case.fresh(folder / "victim")
        with _told(f"{at(number)}"):
            outcome = case.victim(home, at(number)).outcome()
            if outcome.killed:
                PLACED[case.name] += 1
                case.wounded(home)
            else:
                outcome.succeeded()
            _heal(case, home, known)
        if not outcome.killed:
            return number - 1
    raise AssertionError


def kill_at_random(case: Case, folder: Path, kills: int, seed: int) -> None:
    """So many kills at random moments, several on one store before it is healed.

    A process that ended before its kill was faster than thought: the next moments are drawn from
    the time that it took, so that a slow start does not make the rest of the kills miss.
    """
    draw = random.Random(seed)
    whole_s = duration_s(case.fresh(folder / "victim"), case.operation, *case.arguments)
    done, known = 0, set[str]()
    while done < kills:
        home = case.fresh(folder / "victim")
        for _ in range(min(IN_A_ROW, kills - done)):
            delay_s = draw.uniform(0, whole_s)
            with _told(f"seed {seed}, kill {done + 1}, after {delay_s:.4f} s"):
                victim, began = case.victim(home), time.monotonic()
                outcome = victim.killed_after(delay_s)
                if not outcome.killed:
                    outcome.succeeded()
                    whole_s = min(whole_s, time.monotonic() - began)
                    break
                done += 1
                AT_RANDOM[case.name] += 1
                case.wounded(home)
        with _told(f"seed {seed}, healed after kill {done}"):
            _heal(case, home, known)


def _heal(case: Case, home: Path, known: set[str]) -> None:
    """Heals a home, unless one with the same bytes in the same files has been healed before."""
    state = hashlib.sha256()
    for file in sorted(path for path in home.rglob("*") if path.is_file()):
        state.update(f"{file.relative_to(home)} {file.stat().st_size}\n".encode())
        state.update(file.read_bytes())
    if state.hexdigest() not in known:
        known.add(state.hexdigest())
        case.healed(home)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise
