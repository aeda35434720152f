"""What the reports about trials take at the large size, when nothing of them is in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tradingkb.bench.cold import REPORT_MS, cold_seconds
from tradingkb.bench.data import counts, strategies
from tradingkb.bench.knowledge import open_kb
from tradingkb.bench.rows import Findings, Row, scaled
from tradingkb.bench.stores import Stores
from tradingkb.knowledge_base import KnowledgeBase

_NAME: Final = "trials"


def run(stores: Stores) -> Findings:
    """A row for each query, of the strategy with the most trials and of the whole workspace."""
    sizes = stores.sizes
    shares = counts(sizes.large, sizes.asked_of(sizes.large))
    n = max(shares)
    name = strategies(len(shares))[shares.index(n)].spec.name
    other = strategies(len(shares))[0].spec.name
    home = stores.filled(sizes.large).home
    rows = []
    with open_kb(home) as kb:
        for _, ask in _queries(kb, other):  # statements are compiled, and libraries loaded, once
            ask()
        for what, ask in _queries(kb, name):
            took = [cold_seconds(home, ask) for _ in range(sizes.rounds)]
            told = f"{what}, {sizes.large:,} trials"
            rows.append(Row(_NAME, told, "the limit", "ms", scaled(took, 1e3), (REPORT_MS,), 1.0))
    note = (
        f"trials: of a strategy are {n:,} trials; before each call the system is told to forget "
        "what it holds of the store's file."
    )
    return Findings(rows, [note])


def _queries(kb: KnowledgeBase, strategy: str) -> list[tuple[str, Callable[[], object]]]:
    of_one = {"strategy_name": strategy}
    best = kb.trial_page(order="sharpe_oos", limit=100).next
    good: dict[str, tuple[float, None]] = {"sharpe_oos": (1.0, None)}
    return [
        ("page in the order of storing", kb.trial_page),
        ("second page by sharpe_oos", lambda: kb.trial_page(order="sharpe_oos", after=best)),
        (
            "page of a strategy by n_trades_oos",
            lambda: kb.trial_page(where=of_one, order="n_trades_oos"),
        ),
        ("count", kb.trial_count),
        ("count of a range of a strategy", lambda: kb.trial_count(where=of_one, ranges=good)),
        ("density of a strategy", lambda: kb.trial_density("default", strategy)),
        ("grid of a strategy", lambda: kb.param_grid("default", strategy)),
    ]
