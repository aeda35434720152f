"""Any sequence of changes, with a vector index that fails now and then, keeps what is promised."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import tradingkb as tkb
from tests.small_store import MARKET, entries, failed_deletes, flaky, pointed, statuses, trials

NAMES = tuple(trials(2, (5, 10, 20))["source_id"])
SOME = st.sets(st.sampled_from(NAMES), min_size=1, max_size=3)


class Lifecycle(RuleBasedStateMachine):
    """Six trials of two windows; a model of what is in force stands beside the store.

    Attributes:
        status: of every trial that was ever stored.
        said: for every run in order: the score that it gave to trials.
        gone: the runs that are withdrawn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="lifecycle"))
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.kb = tkb.connect(self.home, clock=self.clock, progress=False)
        self.index = flaky(self.kb)
        self.status: dict[str, str] = {}
        self.said: dict[str, dict[str, float]] = {}
        self.gone: set[str] = set()

    def clock(self) -> datetime:
        """A clock that moves by a second per reading."""
        self.now += timedelta(seconds=1)
        return self.now

    def teardown(self) -> None:
        """After a last, healthy ingest everything agrees."""
        self.index.down = False
        if self.status:
            self.kb.ingest()
            self.everything_agrees()
        self.kb.close()
        shutil.rmtree(self.home)

    def everything_agrees(self) -> None:
        """Each eligible trial has one point, nothing else has one, and nothing is left to do.

        An ingest of all that is stored has just ended, so nothing is archived by hand any more.
        """
        alive = self.standing()
        eligible = {name for name in alive if self.status[name] != "rejected"}
        held = self.kb.use_cases.indexer.vectors.points(
            "kb_regime_v1_v1", self.kb.workspaces()["id"][0]
        )
        assert held.height == len(eligible)
        assert pointed(self.kb) == eligible
        assert failed_deletes(self.kb) == []
        assert self.kb.reconcile().clean, str(self.kb.reconcile())

    def standing(self) -> dict[str, float]:
        """The newest run that is not withdrawn speaks."""
        found: dict[str, float] = {}
        for run, scores in self.said.items():
            if run not in self.gone:
                found.update(scores)
        return found

    def write(self, names: set[str], score: float) -> None:
        """Ingests; what equals a trial as it stands, or a withdrawn statement, is no news."""
        frame = trials(2, (5, 10, 20), scores=dict.fromkeys(NAMES, score))
        frame = frame.filter(pl.col("source_id").is_in(names))
        down = contextlib.suppress(tkb.BackendUnavailableError)
        runs = self.kb.runs().height if self.status else 0
        with down if self.index.down else contextlib.nullcontext():
            self.kb.ingest(frame)
        assert self.kb.runs().height == runs + 1
        run = self.kb.runs()["run_id"][0]
        before = self.standing()
        taken_back = {
            name for gone in self.gone for name, told in self.said[gone].items() if told == score
        }
        news = {n for n in names if before.get(n) != score and n not in taken_back}
        self.said[run] = dict.fromkeys(news, score)
        for name in news:
            self.status.setdefault(name, "candidate")

    # what people and programs do

    @initialize()
    def first_ingest(self) -> None:
        self.write(set(NAMES[:4]), 1.0)

    @rule(names=SOME, score=st.sampled_from([1.0, 2.0]))
    def ingest(self, names: set[str], score: float) -> None:
        self.write(names, score)

    @rule(names=SOME)
    def promote(self, names: set[str]) -> None:
        named = sorted(names & self.status.keys())
        if not named:
            return
        changed = [n for n in named if self.status[n] != "promoted"]
        assert self.kb.promote(named, reason="r").changed == len(changed)
        self.status.update(dict.fromkeys(named, "promoted"))

    @rule(names=SOME)
    def reject(self, names: set[str]) -> None:
        named = sorted(names & self.status.keys())
        if not named:
            return
        changed = [n for n in named if self.status[n] != "rejected"]
        assert self.kb.reject(named, reason="r").changed == len(changed)
        self.status.update(dict.fromkeys(named, "rejected"))

    @rule(names=SOME)
    def archive(self, names: set[str]) -> None:
        named = sorted(names & self.status.keys())
        if named:
            self.kb.archive(named)

    @precondition(lambda self: len(self.gone) < len(self.said))
    @rule(pick=st.integers(0, 9))
    def withdraw(self, pick: int) -> None:
        there = [run for run in self.said if run not in self.gone]
        run = there[pick % len(there)]
        self.kb.withdraw(run, reason="r")
        self.gone.add(run)

    @precondition(lambda self: self.gone)
    @rule(pick=st.integers(0, 9))
    def reinstate(self, pick: int) -> None:
        gone = [run for run in self.said if run in self.gone]
        run = gone[pick % len(gone)]
        self.kb.reinstate(run)
        self.gone.discard(run)

    @rule(down=st.booleans())
    def vector_index(self, down: bool) -> None:
        self.index.down = down

    @precondition(lambda self: not self.index.down)
    @rule()
    def ingest_what_is_stored(self) -> None:
        self.kb.ingest()
        self.everything_agrees()

    @precondition(lambda self: not self.index.down)
    @rule()
    def repair(self) -> None:
        assert self.kb.reconcile(repair=True).clean

    # what is promised after every step

    @invariant()
    def statuses_follow_the_model(self) -> None:
        assert statuses(self.kb) == self.status

    @invariant()
    def history_is_a_chain_that_ends_at_the_status(self) -> None:
        current = dict.fromkeys(self.status, "candidate")
        for row in self.kb.history(limit=None).reverse().rows(named=True):
            assert row["from_status"] == current[row["source_id"]]
            current[row["source_id"]] = row["to_status"]
        assert current == self.status

    @invariant()
    def only_what_stands_and_is_eligible_is_nominated_or_counts(self) -> None:
        if not self.status:
            return
        stands = {n: s for n, s in self.standing().items() if self.status[n] != "rejected"}
        for market in (MARKET, None):
            rec = self.kb.recommend("s", regime=market)
            assert set(rec.trials["source_id"]) <= stands.keys()
            for row in rec.trials.rows(named=True):
                assert row["objective"] == stands[row["source_id"]]
            assert rec.windows_used <= len({n.partition(":")[0] for n in stands})
        store, space = self.kb.use_cases.store, self.kb.workspaces()["id"][0]
        rows = store.partition(space, "s", "any").trials
        told = dict(zip(rows["source_id"], rows["sharpe_oos"], strict=True))
        assert told == self.standing()

    @invariant()
    def no_trial_has_two_entries(self) -> None:
        if self.status:
            assert len(entries(self.kb)) <= len(self.status)


Lifecycle.TestCase.settings = settings(
    max_examples=7, stateful_step_count=12, deadline=None, derandomize=True, database=None
)
TestLifecycle = Lifecycle.TestCase
