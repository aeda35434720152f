"""The part of the `TrialStore` contract about withdrawn runs, and about leases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from tradingkb.exceptions import NotFoundError
from tradingkb.ports import HeldLease, TrialStore
from tradingkb.testing.stored import (
    ADA,
    COLLECTION,
    NOON,
    OTHER_WORKSPACE,
    STRATEGY,
    WORKSPACE,
    fill,
    partition_rows,
    run_record,
    trial_frame,
)

LATER = NOON + timedelta(hours=1)
FIRST, SECOND = ("7d9f4a52-0000-4000-8000-00000000000" + n for n in "ab")


class WithdrawalContract:
    """Part of `TrialStoreContract`."""

    @pytest.fixture
    def runs(self, kb: TrialStore) -> dict[str, int]:
        """Two runs: the first brought t1 and t2, the second changed t2 and brought t3; ids."""
        for n, (run, names) in enumerate(((FIRST, ("t1", "t2")), (SECOND, ("t2", "t3")))):
            kb.save_run(run_record(run, started_at=NOON + timedelta(hours=n)))
            kb.write_trials(
                WORKSPACE,
                trial_frame(
                    kb,
                    *(
                        {
                            "source_id": name,
                            "run_id": run,
                            "sharpe_oos": n + 1.0,
                            "row_hash": f"{name}{n}",
                        }
                        for name in names
                    ),
                ),
            )
        known = kb.identities(WORKSPACE)
        return dict(zip(known["source_id"], known["trial_id"], strict=True))

    def told(self, kb: TrialStore) -> dict[str, float]:
        """What counts."""
        rows = partition_rows(kb)
        return dict(zip(rows["source_id"], rows["sharpe_oos"], strict=True))

    def test_a_withdrawn_run_gives_way_to_earlier_ones_and_comes_back(
        self, kb: TrialStore, runs: dict[str, int]
    ) -> None:
        effects = kb.withdraw_run(WORKSPACE, SECOND, ADA, LATER, dry_run=True)
        assert self.told(kb) == {"t1": 1.0, "t2": 2.0, "t3": 2.0}
        assert kb.withdraw_run(WORKSPACE, SECOND, ADA, LATER).equals(effects)
        assert effects.rows() == [
            (runs["t2"], STRATEGY, "reverted"),
            (runs["t3"], STRATEGY, "withdrawn"),
        ]
        assert self.told(kb) == {"t1": 1.0, "t2": 1.0}
        assert kb.strategy_counts(WORKSPACE)["n_trials"].to_list() == [2]
        assert kb.taken_back(WORKSPACE).rows() == [(runs["t2"], "t21")]
        some = {name: kb.taken_back(WORKSPACE, pl.Series([runs[name]])).height for name in runs}
        assert some == {"t1": 0, "t2": 1, "t3": 0}
        assert kb.identities(WORKSPACE).filter("withdrawn")["source_id"].to_list() == ["t3"]
        effects = kb.reinstate_run(WORKSPACE, SECOND, LATER)
        assert effects["effect"].to_list() == ["restored", "reinstated"]
        assert self.told(kb) == {"t1": 1.0, "t2": 2.0, "t3": 2.0}
        assert kb.taken_back(WORKSPACE).is_empty()

    @pytest.mark.usefixtures("runs")
    def test_an_earlier_run_may_be_withdrawn_without_any_effect_on_what_counts(
        self, kb: TrialStore
    ) -> None:
        assert kb.withdraw_run(WORKSPACE, FIRST, ADA, LATER)["effect"].to_list() == ["withdrawn"]
        assert self.told(kb) == {"t2": 2.0, "t3": 2.0}

    def versions(self, kb: TrialStore, strategy: str = STRATEGY) -> list[tuple[object, ...]]:
        """What runs said about restated trials."""
        found = kb.trial_versions(WORKSPACE, strategy, COLLECTION)
        assert set(partition_rows(kb).columns) < set(found.columns)
        return found.select("source_id", "since", "sharpe_oos", "stands").rows()

    @pytest.mark.usefixtures("runs")
    def test_all_that_was_said_of_a_restated_trial_is_there_until_its_run_is_withdrawn(
        self, kb: TrialStore
    ) -> None:
        hour = timedelta(hours=1)
        both = [("t2", NOON, 1.0, False), ("t2", NOON + hour, 2.0, True)]
        assert self.versions(kb) == both
        assert self.versions(kb, "another") == []
        kb.withdraw_run(WORKSPACE, SECOND, ADA, LATER)
        assert self.versions(kb) == []
        kb.reinstate_run(WORKSPACE, SECOND, LATER)
        assert self.versions(kb) == both
        kb.withdraw_run(WORKSPACE, FIRST, ADA, LATER)
        assert self.versions(kb) == []

    @pytest.mark.usefixtures("runs")
    def test_a_trial_that_moved_to_another_strategy_is_there_for_both(self, kb: TrialStore) -> None:
        fill(kb, "another")
        kb.save_run(run_record("third", started_at=LATER + timedelta(hours=1)))
        moved = {"source_id": "t2", "run_id": "third", "strategy_name": "another"}
        kb.write_trials(WORKSPACE, trial_frame(kb, moved))
        here, there = self.versions(kb), self.versions(kb, "another")
        assert here == there
        assert [value for _, _, value, _ in here] == [1.0, 2.0, 1.25]

    @pytest.mark.usefixtures("runs")
    def test_a_run_that_is_withdrawn_again_keeps_who_withdrew_it_first_and_why(
        self, kb: TrialStore
    ) -> None:
        kb.withdraw_run(WORKSPACE, SECOND, ADA, LATER)
        first = kb.runs(WORKSPACE, None)
        other = replace(ADA, name="bob", reason="another")
        kb.withdraw_run(WORKSPACE, SECOND, other, LATER + timedelta(hours=1))
        assert kb.runs(WORKSPACE, None).equals(first)

    @pytest.mark.usefixtures("runs")
    def test_a_run_of_another_workspace_or_kind_cannot_be_withdrawn(self, kb: TrialStore) -> None:
        kb.save_run(run_record("re", kind="reembed"))
        for space, run in ((WORKSPACE, "re"), (WORKSPACE, "none"), (OTHER_WORKSPACE, FIRST)):
            with pytest.raises(NotFoundError):
                kb.withdraw_run(space, run, ADA, LATER)
            with pytest.raises(NotFoundError):
                kb.reinstate_run(space, run, LATER)

    @pytest.mark.usefixtures("runs")
    def test_a_withdrawn_trial_that_is_written_again_counts(self, kb: TrialStore) -> None:
        kb.withdraw_run(WORKSPACE, SECOND, ADA, LATER)
        fill(kb)
        kb.write_trials(WORKSPACE, trial_frame(kb, {"source_id": "t3", "run_id": "third"}))
        assert self.told(kb) == {"t1": 1.0, "t2": 1.0, "t3": 1.25}

    # leases

    def test_a_lease_has_one_holder_until_it_is_given_back(self, kb: TrialStore) -> None:
        def acquire(holder: str, minute: int, name: str = "job") -> str | None:
            at = NOON + timedelta(minutes=minute)
            other = kb.acquire_lease(name, holder, at, at + timedelta(minutes=5))
            return other.holder if other else None

        assert acquire("a", 0) is None
        assert acquire("b", 4) == "a"
        assert acquire("b", 4, "another job") is None
        assert acquire("a", 4) is None  # renewed
        assert acquire("b", 99) == "a"  # whether they live, others judge
        assert not kb.break_lease("job", "b")
        assert acquire("b", 99) == "a"
        assert kb.break_lease("job", "a")
        assert acquire("b", 10) is None
        assert acquire("a", 10) == "b"

    def test_leases_are_told_with_the_times_of_their_holders(self, kb: TrialStore) -> None:
        assert kb.leases() == []
        hours = [NOON + timedelta(hours=n) for n in range(4)]
        for name, holder in (("two", "b"), ("one", "a")):
            kb.acquire_lease(name, holder, hours[0], hours[1])
        kb.acquire_lease("one", "a", hours[1], hours[2])
        assert kb.renew_lease("two", "b", hours[3])
        one, two = HeldLease("one", "a", hours[0], hours[2]), HeldLease("two", "b", *hours[::3])
        assert kb.leases() == [one, two]
        assert kb.acquire_lease("one", "c", hours[1], hours[2]) == one

    def test_a_lease_that_was_lost_is_not_renewed(self, kb: TrialStore) -> None:
        assert not kb.renew_lease("job", "a", LATER)
        kb.acquire_lease("job", "b", NOON, LATER)
        assert not kb.renew_lease("job", "a", LATER)
        assert [lease.holder for lease in kb.leases()] == ["b"]

    def test_a_lease_that_was_renewed_since_it_was_looked_at_is_not_broken(
        self, kb: TrialStore
    ) -> None:
        kb.acquire_lease("job", "a", NOON, LATER)
        seen = kb.acquire_lease("job", "b", NOON, LATER)
        assert seen is not None
        kb.renew_lease("job", "a", LATER + timedelta(microseconds=1))
        assert not kb.break_lease("job", "a", seen.expires_at)
        assert kb.break_lease("job", "a", LATER + timedelta(microseconds=1))
