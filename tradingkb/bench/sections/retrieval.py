"""Retrieval with filters: beside arrays in memory, qdrant-client's local mode, and Optuna."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

import polars as pl

from tradingkb.bench.data import questions, strategies
from tradingkb.bench.knowledge import NEIGHBOURS, Retrieval, open_kb
from tradingkb.bench.peers import numpy_limit, optuna_rdb, qdrant_local
from tradingkb.bench.rows import Findings, Row, by_turns, scaled
from tradingkb.bench.stores import Stores
from tradingkb.domain import STRICT
from tradingkb.ports import Floats32

_NAME: Final = "retrieval"
_MOST_TIMES: Final = 3.0
#: The strategy asked for: its share of the trials grows with the store.
_ASKED: Final = strategies(2)[1].spec.name
#: Similarities of two ways to the same answer agree this well in float32.
_SAME: Final = 1e-4


def run(stores: Stores) -> Findings:
    """Rows against NumPy at both sizes, against local Qdrant, and against Optuna."""
    sizes = stores.sizes
    rows = [_against_numpy(stores, total) for total in (sizes.small, sizes.large)]
    rows += [_against_qdrant(stores), _against_optuna(stores)]
    return Findings(
        rows,
        [
            f"retrieval: the {NEIGHBOURS} nearest windows of one of 20 strategies under the "
            "strict filters, through the port; the limit is mask, matrix product and top "
            f"{NEIGHBOURS} points on arrays of that strategy's partition alone.",
            "optuna: a fresh connection, loading a study and filtering by user attributes, beside "
            "a fresh connect() and its first retrieval; per 1,000 trials of the strategy.",
        ],
    )


def _against_numpy(stores: Stores, total: int) -> Row:
    with open_kb(stores.filled(total).home) as kb:
        asked = Retrieval(kb, _ASKED)
        arrays = numpy_limit.load(_trials(stores, total), asked.embedder)
        limit = min(NEIGHBOURS, len(arrays.matrix))

        def peer(vector: Floats32) -> list[float]:
            return numpy_limit.nearest(arrays, vector, STRICT, limit)

        ours, theirs = _by_turns(asked, peer, stores.sizes.calls)
    what = f"{total:,} trials, {len(arrays.matrix):,} of the strategy"
    return Row(_NAME, what, "NumPy on arrays of the partition", "ms", ours, theirs, _MOST_TIMES)


def _against_qdrant(stores: Stores) -> Row:
    total = stores.sizes.points
    what, against = f"{total:,} trials", "qdrant-client, local mode"
    if find_spec("qdrant_client") is None:
        return Row(_NAME, what, f"{against} is **not installed**", "ms")
    every = pl.read_parquet(stores.trials(total))
    with open_kb(stores.filled(total).home) as kb:
        asked = Retrieval(kb, _ASKED)
        points = numpy_limit.load(every, asked.embedder)
        client = qdrant_local.fill(points, every["strategy_name"].to_list())

        def peer(vector: Floats32) -> list[float]:
            return qdrant_local.nearest(client, _ASKED, vector, STRICT, NEIGHBOURS)

        ours, theirs = _by_turns(asked, peer, stores.sizes.slow_calls)
        client.close()
    return Row(_NAME, what, against, "ms", ours, theirs)


def _against_optuna(stores: Stores) -> Row:
    total = stores.sizes.points
    trials = _trials(stores, total)
    what = f"connect, load and filter {trials.height:,} trials, per 1,000"
    against = "Optuna RDB storage (SQLite)"
    if find_spec("optuna") is None:
        return Row(_NAME, what, f"{against} is **not installed**", "ms")
    file, home = stores.folder / "optuna.db", stores.filled(total).home
    optuna_rdb.fill(file, trials)
    with open_kb(home) as kb:
        asked = Retrieval(kb, _ASKED)
    vector = asked.vector(questions(1)[0])

    def ours() -> object:
        with open_kb(home) as kb:
            return Retrieval(kb, _ASKED).nearest(vector)

    rounds = stores.sizes.slow_calls
    mine, theirs = by_turns(ours, lambda: optuna_rdb.load_and_filter(file, STRICT), rounds)
    per_thousand = 1e6 / trials.height
    return Row(_NAME, what, against, "ms", scaled(mine, per_thousand), scaled(theirs, per_thousand))


def _by_turns(
    asked: Retrieval, peer: Callable[[Floats32], list[float]], rounds: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Milliseconds of both, each pair for another market; both have to find the same best."""
    vectors = [asked.vector(market) for market in questions(20)]
    for vector in vectors[:3]:
        best, same = asked.nearest(vector)[0].similarity, peer(vector)[0]
        if abs(best - same) > _SAME:
            raise RuntimeError(f"the peer answers another question: {same} beside {best}")
    mine, theirs = itertools.cycle(vectors), itertools.cycle(vectors)
    took = by_turns(lambda: asked.nearest(next(mine)), lambda: peer(next(theirs)), rounds)
    return scaled(took[0], 1e3), scaled(took[1], 1e3)


def _trials(stores: Stores, total: int) -> pl.DataFrame:
    return pl.scan_parquet(stores.trials(total)).filter(strategy_name=_ASKED).collect()
