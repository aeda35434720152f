"""What the reports about events take when there are many, and nothing of them is in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tradingkb.bench.cold import REPORT_MS, cold_seconds
from tradingkb.bench.events import DAYS, START, make_events
from tradingkb.bench.knowledge import open_kb
from tradingkb.bench.rows import Findings, Row, scaled
from tradingkb.bench.stores import Stores
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.workspaces import DEFAULT_WORKSPACE

_NAME: Final = "events"
_END: Final = START + timedelta(days=DAYS)


def run(stores: Stores) -> Findings:
    """A row for each query."""
    sizes = stores.sizes
    home = stores.folder / "events"
    rows = []
    with open_kb(home) as kb:
        fill(kb, sizes.events)
        for _, ask in _queries(kb, sizes.events):  # statements are compiled once
            ask()
        for what, ask in _queries(kb, sizes.events):
            took = [cold_seconds(home, ask) for _ in range(sizes.rounds)]
            told = f"{what}, {sizes.events:,} events"
            rows.append(Row(_NAME, told, "the limit", "ms", scaled(took, 1e3), (REPORT_MS,), 1.0))
    note = (
        f"events: made up, of {DAYS} days; before each call the system is told to forget what it "
        "holds of the store's file."
    )
    return Findings(rows, [note])


def fill(kb: KnowledgeBase, count: int) -> None:
    """Records that many events, as the service does."""
    space = kb.use_cases.workspaces.find(DEFAULT_WORKSPACE, create_default=True)
    for some in make_events(space.id, count):
        kb.use_cases.store.save_events(some)


def _queries(kb: KnowledgeBase, count: int) -> list[tuple[str, Callable[[], object]]]:
    day, week = (_END - timedelta(days=days) for days in (1, 7))
    return [
        (f"rates by hour over {DAYS} days", lambda: kb.event_rates(since=START, until=_END)),
        (
            "rates by minute over a day",
            lambda: kb.event_rates(since=day, until=_END, bucket="minute"),
        ),
        ("rejections over 7 days", lambda: kb.rejections(since=week, until=_END)),
        (
            "page of degraded ones",
            lambda: kb.event_page(where={"status": "degraded"}, since=week, until=_END),
        ),
        ("one event", lambda: kb.event(str(count // 2))),
        ("recent changes", kb.recent_changes),
    ]
