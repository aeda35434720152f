"""The part of the `TrialStore` contract about long lists that are read page by page."""

from __future__ import annotations

from datetime import datetime, timedelta

from tradingkb.ports import TrialStore
from tradingkb.testing.stored import (
    NOON,
    OTHER_WORKSPACE,
    WORKSPACE,
    event,
    workspace,
)


def _events(kb: TrialStore) -> list[str]:
    """Nine events, three at each of three moments, and one of another workspace."""
    kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
    found = []
    for n in range(9):
        one = event(request_id=f"r{n}", at=NOON + timedelta(minutes=n // 3))
        kb.save_event(one)
        found.append(str(one["request_id"]))
    kb.save_event(event(request_id="foreign", workspace_id=OTHER_WORKSPACE))
    return found[::-1]


def _walk(kb: TrialStore, limit: int) -> list[str]:
    found: list[str] = []
    after: tuple[datetime, int] | None = None
    while (page := kb.event_page(WORKSPACE, {}, limit, after)).height:
        found += page["request_id"].to_list()
        last = page.row(page.height - 1, named=True)
        after = last["at"], last["id"]
    return found


class PageContract:
    """Part of `TrialStoreContract`."""

    def test_pages_of_events_of_any_length_hold_each_event_once_newest_first(
        self, kb: TrialStore
    ) -> None:
        newest_first = _events(kb)
        for limit in (1, 2, 4, 9, 100):
            assert _walk(kb, limit) == newest_first

    def test_an_event_that_comes_while_pages_are_read_moves_none_of_the_next_pages(
        self, kb: TrialStore
    ) -> None:
        newest_first = _events(kb)
        first = kb.event_page(WORKSPACE, {}, 4, None)
        kb.save_event(event(request_id="late", at=NOON + timedelta(hours=1)))
        last = first.row(3, named=True)
        rest = kb.event_page(WORKSPACE, {}, 100, (last["at"], last["id"]))
        assert rest["request_id"].to_list() == newest_first[4:]

    def test_a_page_of_events_holds_those_that_were_selected(self, kb: TrialStore) -> None:
        _events(kb)
        kb.save_event(event(request_id="bad", status="none"))
        page = kb.event_page(WORKSPACE, {"status": "none"}, 10, None)
        assert page["request_id"].to_list() == ["bad"]
        assert kb.event_page(WORKSPACE, {"status": "none", "source": "cli"}, 10, None).is_empty()

    def test_counts_of_events_are_of_the_time_asked_for_and_leave_probes_out(
        self, kb: TrialStore
    ) -> None:
        relaxed = {"strict_to_relaxed": True, "metadata_only": True}
        for changes in (
            {"status": "ok"},
            {"status": "ok", "at": NOON + timedelta(minutes=1)},
            {"status": "degraded", **relaxed},
            {"status": "degraded", "repaired_params": {"fast": "2.5 became 3"}},
            {"status": "none", "source": "probe"},
            {"status": "none", "at": NOON + timedelta(hours=1)},
        ):
            kb.save_event(event(**changes))
        found = kb.event_counts(WORKSPACE, NOON, NOON + timedelta(hours=1))
        names = ("status", "count", "strict_to_relaxed", "metadata_only", "repaired_params")
        assert found.select(names).rows() == [("degraded", 2, 1, 1, 1), ("ok", 2, 0, 0, 0)]
        later = kb.event_counts(WORKSPACE, NOON + timedelta(hours=1), NOON + timedelta(hours=2))
        assert later["status"].to_list() == ["none"]
