"""One ingest or re-embedding of a workspace at a time."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.exceptions import PanicException

import tradingkb as tkb
from tradingkb.domain import Workspace
from tradingkb.exceptions import WorkspaceBusyError
from tradingkb.jobs import lease
from tradingkb.jobs.holder import own_name
from tradingkb.jobs.lease import Leases
from tradingkb.jobs.watch import RENEW_S, TTL
from tradingkb.ports import TrialStore
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPACE = Workspace("7d9f4a52-0000-4000-8000-000000000001", "desk", None, None, {}, NOW)
NAME = f"index:{SPACE.id}"
HOST = socket.gethostname()
IDS = count()


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept = 0.0

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def store(tmp_path: Path, sqlite_schema: Path):
    shutil.copy(sqlite_schema, tmp_path / "kb.db")
    store = SqlTrialStore(open_engine(f"sqlite:///{tmp_path / 'kb.db'}"))
    yield store
    store.close()


@pytest.fixture
def time() -> Clock:
    return Clock()


def hold(store: TrialStore, time: Clock, **more: Any):
    return leases(store, time, **more).hold(SPACE)


def leases(store: TrialStore, time: Clock, **more: Any) -> Leases:
    arguments = {"sleep": time.sleep, "monotonic": lambda: time.slept, **more}
    return Leases(store, clock=time, new_id=new_id, **arguments)


def new_id() -> str:
    return f"an id that begins like the others, {next(IDS)}"


def held_by(store: TrialStore, holder: str, until: datetime) -> None:
    assert store.acquire_lease(NAME, holder, NOW, until) is None


def is_free(store: TrialStore) -> bool:
    return store.leases() == []


def dead_pid() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_lease_is_held_inside_and_free_afterwards(store: TrialStore, time: Clock) -> None:
    with hold(store, time):
        assert not is_free(store)
    assert is_free(store)


def test_a_lease_is_free_after_an_error_too(store: TrialStore, time: Clock) -> None:
    with pytest.raises(KeyboardInterrupt), hold(store, time):
        raise KeyboardInterrupt
    assert is_free(store)


def test_workspaces_do_not_wait_for_each_other(store: TrialStore, time: Clock) -> None:
    other = Workspace("another", "other", None, None, {}, NOW)
    with hold(store, time), leases(store, time, patience_s=0.0).hold(other):
        assert time.slept == 0


def test_the_second_waits_until_the_first_has_ended(store: TrialStore, time: Clock) -> None:
    order = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with hold(store, time):
            inside.set()
            leave.wait(30)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(30)

    def sleep(_: float) -> None:
        leave.set()
        thread.join(30)

    with leases(store, time, sleep=sleep).hold(SPACE):
        order.append("second")
    assert order == ["first", "second"]


@pytest.mark.skipif(sys.platform == "win32", reason="no process numbers to look up")
def test_the_lease_of_a_dead_process_of_this_machine_is_taken_over_at_once(
    store: TrialStore, time: Clock
) -> None:
    held_by(store, f"{HOST}:{dead_pid()}:123:abc", NOW + timedelta(days=1))
    with hold(store, time):
        assert time.slept == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the kernel does not say")
def test_a_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(
    store: TrialStore, time: Clock
) -> None:
    held_by(store, f"{HOST}:{os.getpid()}:1:abc", NOW + timedelta(days=1))
    with hold(store, time):
        assert time.slept == 0


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="the kernel does not say")
@pytest.mark.parametrize(("namespace", "waits"), [("", False), ("4026-", True)])
def test_numbers_of_another_container_with_this_host_name_are_not_looked_up(
    store: TrialStore, time: Clock, namespace: str, waits: bool
) -> None:
    held_by(store, f"{HOST}:{dead_pid()}:123:{namespace}abc", NOW + timedelta(days=1))
    with hold(store, time):
        assert (time.slept > 0) == waits


#: How wrong a clock may be.
SKEWS = [timedelta(0), *(sign * timedelta(days=d) for d in (1, 30, 3000) for sign in (1, -1))]


@pytest.mark.parametrize(
    ("holder", "skew"),
    [
        *(("elsewhere:1:2:3", skew) for skew in SKEWS),
        *(("a living process", skew) for skew in SKEWS),
        *((name, timedelta(days=1)) for name in ("somebody", "a:b", "elsewhere:1:2:3:4")),
    ],
    ids=str,
)
def test_a_lease_that_nobody_renews_blocks_for_its_time_and_no_longer_whatever_the_clocks(
    store: TrialStore, time: Clock, holder: str, skew: timedelta
) -> None:
    me = own_name("nonce") if holder == "a living process" else holder
    held_by(store, me, NOW + skew + TTL)
    with hold(store, time):
        assert time.slept == pytest.approx(TTL.total_seconds(), abs=0.3)


@pytest.mark.parametrize("skew", SKEWS, ids=str)
def test_a_lease_that_is_renewed_is_honoured_whatever_the_clocks(
    store: TrialStore, time: Clock, skew: timedelta
) -> None:
    held_by(store, "elsewhere:1:2:3", NOW + skew + TTL)

    def sleep(seconds: float) -> None:
        before, _ = time.slept // RENEW_S, time.sleep(seconds)
        if time.slept // RENEW_S > before:
            assert store.renew_lease(NAME, "elsewhere:1:2:3", time.now + skew + TTL)

    with (
        pytest.raises(WorkspaceBusyError),
        hold(store, time, sleep=sleep, patience_s=1.5 * TTL.total_seconds()),
    ):
        raise AssertionError("never runs")


def test_what_was_seen_of_a_lease_is_remembered_from_one_attempt_to_the_next(
    store: TrialStore, time: Clock
) -> None:
    held_by(store, "elsewhere:1:2:3", NOW + timedelta(days=30))
    impatient = leases(store, time, patience_s=0.0)
    with pytest.raises(WorkspaceBusyError), impatient.hold(SPACE):
        raise AssertionError("never runs")
    time.sleep(TTL.total_seconds())
    with impatient.hold(SPACE):
        pass


def test_patience_ends_with_an_error_that_names_the_process(
    store: TrialStore, time: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    held_by(store, "mercury:4711:123:abc", NOW + timedelta(days=1))
    with (
        caplog.at_level(logging.INFO, "tradingkb"),
        pytest.raises(WorkspaceBusyError, match=r"'desk'.* process 4711 on mercury.*within 5 s"),
        hold(store, time, patience_s=5.0),
    ):
        raise AssertionError("never runs")
    assert time.slept == pytest.approx(5, abs=0.3)
    waits = [r.tradingkb_fields for r in caplog.records if r.getMessage() == "kb_lease_wait"]
    assert waits == [{"workspace_id": SPACE.id, "holder": "process 4711 on mercury"}]
    assert not is_free(store)


def test_the_time_that_slow_statements_take_counts_as_patience(
    store: TrialStore, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_by(store, "mercury:4711:123:abc", NOW + timedelta(days=1))
    acquire = store.acquire_lease

    def slowly(*arguments: Any) -> Any:
        time.sleep(3.0)
        return acquire(*arguments)

    monkeypatch.setattr(store, "acquire_lease", slowly)
    with pytest.raises(WorkspaceBusyError), hold(store, time, patience_s=5.0):
        raise AssertionError("never runs")
    assert time.slept < 10


def test_who_waits_says_so_once_and_names_whom_it_waits_for(store: TrialStore, time: Clock) -> None:
    held_by(store, "mercury:4711:123:abc", NOW + timedelta(seconds=2))
    said: list[str] = []
    with hold(store, time, tell=said.append):
        assert len(said) == 1
    assert "process 4711 on mercury" in said[0]
    assert "'desk'" in said[0]


def test_a_lease_is_renewed_while_it_is_held(
    store: TrialStore, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.01)
    renewed = threading.Event()
    renew = store.renew_lease

    def watched(name: str, holder: str, until: datetime) -> bool:
        mine = renew(name, holder, until)
        if until > NOW + TTL:
            renewed.set()
        return mine

    monkeypatch.setattr(store, "renew_lease", watched)
    with hold(store, time) as held:
        time.now = NOW + TTL * 2
        assert renewed.wait(30)
        held.guarded(lambda *_: None)("index", 1, 2)
        assert store.leases()[0].expires_at == NOW + TTL * 3


@pytest.mark.parametrize("error", [PanicException("a bug of Polars"), RuntimeError("a bug")])
def test_a_renewal_that_went_wrong_is_tried_again(
    store: TrialStore, time: Clock, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.01)
    missed, renewed = threading.Event(), threading.Event()
    renew = store.renew_lease

    def watched(*arguments: Any) -> bool:
        if not missed.is_set():
            missed.set()
            raise error
        mine = renew(*arguments)
        renewed.set()
        return mine

    monkeypatch.setattr(store, "renew_lease", watched)
    with hold(store, time):
        assert renewed.wait(30)


@pytest.mark.parametrize("successor", ["new", None])
def test_whoever_lost_a_lease_stops_at_the_next_progress_and_takes_it_from_nobody(
    store: TrialStore, time: Clock, monkeypatch: pytest.MonkeyPatch, successor: str | None
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.01)
    told: list[int] = []
    with (
        pytest.raises(WorkspaceBusyError, match="broken or taken over"),
        hold(store, time) as held,
    ):
        advance = held.guarded(lambda _what, done, _total: told.append(done))
        advance("index", 1, 9)
        store.break_lease(NAME, store.leases()[0].holder)
        if successor:
            held_by(store, successor, NOW)
        held._beat._thread.join(30)
        advance("index", 2, 9)
    assert told == [1]
    assert [one.holder for one in store.leases()] == ([successor] if successor else [])


# --- through the front door -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "work",
    [
        lambda kb, run: kb.ingest(),
        lambda kb, run: kb.reembed(),
        lambda kb, run: kb.withdraw(run, reason="x"),
        lambda kb, run: kb.reinstate(run),
        lambda kb, run: kb.reconcile(repair=True),
    ],
    ids=["ingest", "reembed", "withdraw", "reinstate", "reconcile"],
)
def test_whatever_writes_to_the_index_of_a_workspace_asks_for_its_lease_first(
    open_kb: Callable[..., tkb.KnowledgeBase],
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[tkb.KnowledgeBase, str], object],
) -> None:
    kb = open_kb()
    row = {
        "source_id": ["t"],
        "strategy_name": ["s"],
        "params": ['{"fast": 5}'],
        "sharpe_oos": [1.0],
    }
    run = kb.ingest(pl.DataFrame(row)).run_id
    runs = kb.runs()
    (space,) = kb.workspaces().rows(named=True)
    trials = kb.trials()["trial_id"]
    kb.use_cases.store.mark_unfinished(space["id"], trials, space["collection"])  # to be repaired

    def busy(*_: object) -> None:
        raise WorkspaceBusyError("another is at work")

    monkeypatch.setattr(Leases, "_acquire", busy)
    with pytest.raises(WorkspaceBusyError):
        work(kb, run)
    assert kb.runs().equals(runs)
    assert kb.recommend("s").params == {"fast": 5}


def claim(store: TrialStore, time: Clock, **more: Any):
    return leases(store, time, **more).claim(SPACE, "runbook")


def test_a_claim_is_refused_at_once_while_a_process_of_this_machine_has_it(
    store: TrialStore, time: Clock
) -> None:
    with (
        claim(store, time),
        pytest.raises(WorkspaceBusyError, match="another runbook is changing workspace 'desk'"),
        claim(store, time),
    ):
        pass
    assert time.slept == 0
    with claim(store, time):  # and is free afterwards
        pass


def test_a_claim_does_not_stand_in_the_way_of_an_ingest(store: TrialStore, time: Clock) -> None:
    with claim(store, time), hold(store, time, patience_s=0.0):
        assert [held.name.partition(":")[0] for held in store.leases()] == ["index", "runbook"]


def test_the_claim_of_another_machine_is_refused_when_it_gives_a_sign_of_life(
    store: TrialStore, time: Clock
) -> None:
    name, holder = f"runbook:{SPACE.id}", "another-host:7:1:2-aa"
    assert store.acquire_lease(name, holder, NOW, NOW + TTL) is None

    def renewed(seconds: float) -> None:
        time.sleep(seconds)
        if time.slept > RENEW_S:
            store.renew_lease(name, holder, NOW + 2 * TTL)

    with pytest.raises(WorkspaceBusyError), claim(store, time, sleep=renewed):
        pass
    assert time.slept < 2 * RENEW_S


def test_the_claim_of_another_machine_is_taken_over_when_it_gives_none(
    store: TrialStore, time: Clock
) -> None:
    name = f"runbook:{SPACE.id}"
    assert store.acquire_lease(name, "another-host:7:1:2-aa", NOW, NOW + TTL) is None
    with claim(store, time):
        assert time.slept >= TTL.total_seconds()


def test_whoever_lost_a_lease_is_told_when_it_looks(store: TrialStore, time: Clock) -> None:
    with claim(store, time) as mine:
        mine.check()
        mine._beat.lost = True
        with pytest.raises(WorkspaceBusyError, match="was broken or taken over"):
            mine.check()
