"""What is killed, and who meets whom, on PostgreSQL: a part of what SQLite goes through."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

import tradingkb as tkb
from tests.postgres import database
from tests.survival import oracle
from tests.survival.campaign import AT_RANDOM, PLACED, SEEDS
from tests.survival.faults import Fault, KilledAtCommit, KilledAtWrite, PausedAtCommit
from tests.survival.victim import Victim, duration_s
from tests.survival.workload import OHLCV, answer, changed, ingest, sample

FIRST = sample(range(3))
SENT = changed(sample(range(4), per_window=14))
#: Kills of one ingest at random moments, each of the run that is to heal the one before.
IN_A_ROW = 5


@dataclass(frozen=True)
class Store:
    """A store on the server.

    Attributes:
        url: of its database.
        home: a folder; nothing of the store is there.
        copied: makes a database as this one is now.
    """

    url: str
    home: Path
    copied: Callable[[str], str]

    def open(self) -> tkb.KnowledgeBase:
        return tkb.connect(self.home, progress=False, database_url=self.url)

    def victim(self, operation: Callable[..., Any], *arguments: Any, fault: Any = ()) -> Victim:
        faults = (fault,) if isinstance(fault, Fault) else ()
        return Victim(self.home, operation, *arguments, faults=faults, database_url=self.url)

    def fresh(self) -> Store:
        return replace(self, url=self.copied(str(sa.make_url(self.url).database)))


@pytest.fixture(scope="module")
def start(
    postgres_url: sa.URL, postgres_schema: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store with the first trials; nobody writes to it."""
    with ExitStack() as stack:

        def copied(template: str) -> str:
            url = stack.enter_context(database(postgres_url, template))
            return url.render_as_string(hide_password=False)

        store = Store(copied(postgres_schema), tmp_path_factory.mktemp("served"), copied)
        with store.open() as kb:
            ingest(kb, FIRST, OHLCV)
        yield store


@pytest.fixture
def store(start: Store) -> Store:
    return start.fresh()


@pytest.fixture(scope="module")
def expected(start: Store) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer and the contents after an ingest that nobody disturbs."""
    store = start.fresh()
    with store.open() as kb:
        ingest(kb, SENT, OHLCV)
        return answer(kb), oracle.contents(store.url)


def check_wounded(store: Store) -> None:
    oracle.check_sound(store.url)
    oracle.check_every_value_was_sent(store.url, oracle.sent(FIRST), oracle.sent(SENT))


def check_healed(store: Store, expected: tuple[dict[str, Any], dict[str, Any]]) -> None:
    with store.open() as kb:
        ingest(kb, SENT, OHLCV)
        assert kb.reconcile().clean
        assert answer(kb) == expected[0]
    oracle.check_points(store.url)
    assert oracle.contents(store.url) == expected[1]


@pytest.mark.parametrize("fault", [KilledAtCommit, KilledAtWrite])
def test_an_ingest_that_is_killed_again_and_again_is_finished_by_the_last(
    store: Store, expected: Any, fault: Callable[[int], Fault]
) -> None:
    """Each run gets one step further than the one before: at a commit, or inside a transaction."""
    step = 2 if fault is KilledAtCommit else 11
    for number in count(1, step):
        outcome = store.victim(ingest, SENT, OHLCV, fault=fault(number)).outcome()
        if not outcome.killed:
            break
        PLACED["ingest"] += 1
        check_wounded(store)
    outcome.succeeded()
    assert number > 2 * step
    check_healed(store, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_ingest_killed_at_random_moments_is_finished_by_the_next(
    store: Store, expected: Any, seed: int
) -> None:
    draw = random.Random(seed)
    whole_s = duration_s(store.home, ingest, SENT, OHLCV, database_url=store.fresh().url)
    for _ in range(IN_A_ROW):
        victim = store.victim(ingest, SENT, OHLCV)
        outcome = victim.killed_after(draw.uniform(0, whole_s))
        if outcome.killed:
            AT_RANDOM["ingest"] += 1
        check_wounded(store)
    check_healed(store, expected)


def test_two_ingests_of_one_file_at_once_say_together_that_each_trial_is_new(store: Store) -> None:
    file = sample([4, 5])
    first = store.victim(ingest, file, OHLCV, fault=PausedAtCommit(4))
    first.paused()
    second = store.victim(ingest, file, OHLCV)
    first.go_on()
    counts = [victim.outcome().succeeded() for victim in (first, second)]
    eligible = file.filter(pl.col("kb_status") != "rejected").height
    assert sorted(told["inserted"] for told in counts) == [0, eligible]
    assert sorted(told["skipped"] for told in counts) == [0, eligible]
    oracle.check_points(store.url)


def test_questions_and_their_events_do_not_wait_for_an_ingest(store: Store) -> None:
    """It stands still with a transaction open: one that has written trials, and one of vectors."""
    with store.open() as kb:
        answer(kb)
        before = kb.events().height
        files = {4: changed(FIRST.head(30)), 5: sample([4])}
        for asked, (commit, file) in enumerate(files.items(), start=1):
            writer = store.victim(ingest, file, OHLCV, fault=PausedAtCommit(commit))
            writer.paused()
            began = time.monotonic()
            answer(kb)
            assert kb.events().height == before + asked
            assert time.monotonic() - began < 5
            writer.go_on()
            writer.outcome().succeeded()


def test_two_admins_and_an_ingest_at_once_lose_nothing(store: Store) -> None:
    ids = FIRST.filter(pl.col("kb_status") == "candidate")["source_id"].to_list()
    half = len(ids) // 2
    victims = [
        store.victim(reject_each, ids[: half + 4]),
        store.victim(reject_each, ids[half - 4 :]),
        store.victim(ingest, sample([4, 5]), OHLCV),
    ]
    told = [victim.outcome().succeeded() for victim in victims]
    assert told[0] + told[1] == len(ids)
    statuses = oracle.statuses(store.url)
    assert {statuses[trial] for trial in ids} == {"rejected"}
    oracle.check_sound(store.url)
    with store.open() as kb:
        kb.ingest()
        assert kb.reconcile().clean
    oracle.check_points(store.url)


def reject_each(kb: tkb.KnowledgeBase, ids: list[str]) -> int:
    return sum(kb.reject(ids[n : n + 4], reason="wrong").changed for n in range(0, len(ids), 4))
