"""A first ingest of a Parquet file, beside the raw insertion of the rows that it stored."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Final

from tradingkb.bench.peers import insert_again, insert_flat
from tradingkb.bench.rows import Findings, Row, median, scaled
from tradingkb.bench.stores import Ingested, Stores

_NAME: Final = "ingest"
_MOST_TIMES_RAW: Final = 4.0
_MOST_MEMORY_MB: Final = 2_000.0
_MOST_GROWTH: Final = 1.25


def run(stores: Stores) -> Findings:
    """Time beside raw insertion, memory beside 2 GB, and time per trial at both sizes."""
    sizes = stores.sizes
    small = [_once(stores, sizes.small, i) for i in range(sizes.rounds)]
    large = [_once(stores, sizes.large, i) for i in range(sizes.large_rounds)]
    rows = [*_rows(sizes.small, small), *_rows(sizes.large, large)]
    memory = tuple(one.ingested.peak_mb for one in large)
    per_trial = [
        scaled([one.ingested.seconds for one in rounds], 1e6 / total)
        for total, rounds in ((sizes.small, small), (sizes.large, large))
    ]
    rows += [
        Row(
            _NAME,
            f"peak memory of a fresh process, {sizes.large:,} trials",
            "the limit",
            "MB",
            memory,
            (_MOST_MEMORY_MB,),
            1.0,
        ),
        Row(
            _NAME,
            f"time per trial, {sizes.large:,} trials",
            f"{sizes.small:,} trials",
            "µs",
            per_trial[1],
            (median(per_trial[0]),),
            _MOST_GROWTH,
        ),
    ]
    stored = ", ".join(f"{table} {n:,}" for table, n in large[0].stored.items())
    return Findings(
        rows,
        [
            "ingest: each in a process of its own, from Parquet with the regimes in two columns; "
            "the raw insertion is of these rows, with the same indexes, pragmas and batches: "
            f"{stored}."
        ],
    )


class _Round:
    """One ingest, and the raw insertions of its rows right after it."""

    def __init__(self, ingested: Ingested, stores: Stores) -> None:
        self.ingested = ingested
        self.raw_s, self.stored = insert_again(ingested.home, stores.folder)
        self.flat_s = insert_flat(ingested.home, stores.folder)


def _once(stores: Stores, total: int, number: int) -> _Round:
    # The first one is kept: it is the store that other sections ask.
    store = stores.fresh(total) if number else nullcontext(stores.filled(total))
    with store as ingested:
        return _Round(ingested, stores)


def _rows(total: int, rounds: list[_Round]) -> list[Row]:
    ours = tuple(one.ingested.seconds for one in rounds)
    raw = tuple(one.raw_s for one in rounds)
    flat = tuple(one.flat_s for one in rounds)
    what = f"first ingest, {total:,} trials"
    return [
        Row(_NAME, what, "sqlite3 executemany of the same rows", "s", ours, raw, _MOST_TIMES_RAW),
        Row(_NAME, what, "sqlite3, trials alone, no index", "s", ours, flat),
    ]
