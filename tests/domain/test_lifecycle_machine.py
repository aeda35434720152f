"""Any sequence of status changes, allowed or not, against a model that only knows the sentences."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tradingkb.domain.lifecycle import (
    ELIGIBLE,
    STATUSES,
    Status,
    may_change,
    needs_reason,
    transition_name,
)

statuses = st.sampled_from(STATUSES)
reasons = st.sampled_from([None, "overfit", "costs were wrong"])


class Lifecycle(RuleBasedStateMachine):
    """One trial and its history rows (before, after, reason)."""

    @initialize(status=statuses)
    def enter(self, status: Status) -> None:
        """A trial may come in with any status: an importer carries it over."""
        self.entered: Status = status
        self.status: Status = status
        self.history: list[tuple[Status, Status, str | None]] = []

    @rule(after=statuses, reason=reasons)
    def ask(self, after: Status, reason: str | None) -> None:
        """An admin asks for any change; the rules let it through or not."""
        if not may_change(self.status, after):
            return
        if needs_reason(self.status, after) and reason is None:
            return
        self.history.append((self.status, after, reason))
        self.status = after

    @precondition(lambda self: self.status == "rejected")
    @rule()
    def a_rejected_trial_can_only_be_restored_to_promoted(self) -> None:
        assert [s for s in STATUSES if may_change("rejected", s)] == ["promoted"]
        assert needs_reason("rejected", "promoted")

    @precondition(lambda self: self.status != "rejected")
    @rule()
    def an_eligible_trial_can_always_be_rejected_and_never_without_a_reason(self) -> None:
        assert may_change(self.status, "rejected")
        assert needs_reason(self.status, "rejected")

    @precondition(lambda self: self.status == "candidate")
    @rule()
    def a_candidate_is_promoted_without_a_reason(self) -> None:
        assert may_change("candidate", "promoted")
        assert not needs_reason("candidate", "promoted")

    @invariant()
    def no_change_leads_nowhere(self) -> None:
        assert not may_change(self.status, self.status)

    @invariant()
    def nothing_returns_to_candidate(self) -> None:
        assert all(after != "candidate" for _, after, _ in self.history)
        if self.history:
            assert self.status != "candidate"

    @invariant()
    def the_history_is_a_chain_from_the_first_status_to_the_present_one(self) -> None:
        chain = [self.entered, *(after for _, after, _ in self.history)]
        assert [before for before, _, _ in self.history] == chain[:-1]
        assert chain[-1] == self.status

    @invariant()
    def every_rejection_and_restoration_has_a_reason(self) -> None:
        for before, after, reason in self.history:
            assert reason is not None or "rejected" not in (before, after)

    @invariant()
    def the_eligible_are_those_that_can_be_rejected(self) -> None:
        assert (self.status in ELIGIBLE) == may_change(self.status, "rejected")

    @invariant()
    def every_change_has_a_name_that_says_it_back(self) -> None:
        for before, after, _ in self.history:
            assert transition_name(before, after).split("_to_") == [before, after]

    @invariant()
    def rejections_and_restorations_alternate(self) -> None:
        turns = [after == "rejected" for b, after, _ in self.history if "rejected" in (b, after)]
        assert all(a != b for a, b in itertools.pairwise(turns))


TestLifecycle = Lifecycle.TestCase
