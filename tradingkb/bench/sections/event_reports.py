"""What the reports about events take when there are many, and nothing of them is in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tradingkb.bench.cold import REPORT_MS, cold_seconds
from tradingkb.bench.events import DAYS
from tradingkb.bench.knowledge import open_kb
from tradingkb.bench.rows import Findings, Row, scaled
from tradingkb.bench.stores import Stores
from tradingkb.knowledge_base import KnowledgeBase

_NAME: Final = "events"


def run(stores: Stores) -> Findings:
    """A row for each query."""
    sizes = stores.sizes
    home, start = stores.events()
    rows = []
    with open_kb(home) as kb:
        for _, ask in _queries(kb, sizes.events, start):  # statements are compiled once
            ask()
        for what, ask in _queries(kb, sizes.events, start):
            took = [cold_seconds(home, ask) for _ in range(sizes.rounds)]
            told = f"{what}, {sizes.events:,} events"
            rows.append(Row(_NAME, told, "the limit", "ms", scaled(took, 1e3), (REPORT_MS,), 1.0))
    note = (
        f"events: made up, of {DAYS} days; before each call the system is told to forget what it "
        "holds of the store's file."
    )
    return Findings(rows, [note])


def _queries(
    kb: KnowledgeBase, count: int, start: datetime
) -> list[tuple[str, Callable[[], object]]]:
    end = start + timedelta(days=DAYS)
    day, week = (end - timedelta(days=days) for days in (1, 7))
    return [
        (f"rates by hour over {DAYS} days", lambda: kb.event_rates(since=start, until=end)),
        (
            "rates by minute over a day",
            lambda: kb.event_rates(since=day, until=end, bucket="minute"),
        ),
        ("rejections over 7 days", lambda: kb.rejections(since=week, until=end)),
        (
            "page of degraded ones",
            lambda: kb.event_page(where={"status": "degraded"}, since=week, until=end),
        ),
        ("one event", lambda: kb.event(str(count // 2))),
        ("recent changes", kb.recent_changes),
    ]
