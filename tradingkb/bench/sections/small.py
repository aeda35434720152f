"""What little costs: one new row in stores of two sizes, and frames with many columns."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Final

import polars as pl

from tradingkb.bench.data import counts, make_trials, make_windows
from tradingkb.bench.knowledge import open_kb
from tradingkb.bench.rows import Findings, Row, by_turns, scaled
from tradingkb.bench.stores import Stores
from tradingkb.importers import read_trials
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.sql import Asked, counted

_NAME: Final = "small"
_MOST_TRANSACTIONS: Final = 10.0
#: What a new row reads must not grow with the store.
_FLAT: Final = 1.0
#: Time per column that is the same at every width, within what a machine varies.
_LINEAR: Final = 1.25
_WIDE_ROWS: Final = 20
#: How much smaller the other store is, in trials and in windows.
_LESS: Final = 10


def run(stores: Stores) -> Findings:
    """One new row: what it asks, reads and takes; and time per column of wide frames."""
    notes = [
        "small: the row is new, its strategy, window and parameters are known; each into a store "
        "that grows by it alone.",
        f"small: wide frames have {_WIDE_ROWS} rows; 1 means that time grows as the columns do.",
    ]
    return Findings([*_new_row(stores), _wide(stores)], notes)


def _new_row(stores: Stores) -> list[Row]:
    sizes = stores.sizes
    with ExitStack() as stack:
        large = stack.enter_context(_in_large(stores))
        small = stack.enter_context(_in_small(stores))
        for warm in (small, large):  # the first one counts the points of a large collection
            warm()
        costs = [(_asked(large), _asked(small)) for _ in range(sizes.rounds)]
        ours, peer = by_turns(large, small, sizes.calls)
    windows, less = sizes.windows, _LESS
    what = f"one new row, {sizes.large:,} trials on {windows:,} windows"
    against = f"{sizes.large // less:,} trials on {windows // less:,} windows"
    transactions = tuple(float(mine.transactions) for mine, _ in costs)
    limit = (_MOST_TRANSACTIONS,)
    return [
        Row(_NAME, what, "the limit", "transactions", transactions, limit, 1.0),
        _compared(what, against, "statements", costs, lambda asked: asked.statements),
        _compared(what, against, "rows read", costs, lambda asked: asked.rows),
        Row(_NAME, what, against, "ms", scaled(ours, 1e3), scaled(peer, 1e3)),
    ]


def _compared(
    what: str,
    against: str,
    unit: str,
    costs: list[tuple[Asked, Asked]],
    figure: Callable[[Asked], int],
) -> Row:
    ours, peer = (tuple(float(figure(pair[i])) for pair in costs) for i in (0, 1))
    return Row(_NAME, what, against, unit, ours, peer, _FLAT)


@contextmanager
def _in_large(stores: Stores) -> Iterator[Callable[[], None]]:
    """What ingests one more row into a copy of the large store."""
    total = stores.sizes.large
    with stores.copied(total) as home, open_kb(home) as kb:
        rows = _rows(pl.read_parquet(stores.trials(total), n_rows=1))
        yield lambda: _ingest(kb, next(rows))


@contextmanager
def _in_small(stores: Stores) -> Iterator[Callable[[], None]]:
    """The same in a store of fewer trials, which share fewer windows."""
    total = stores.sizes.large // _LESS
    windows = make_windows(stores.sizes.windows // _LESS)
    trials = make_trials(windows, counts(total, stores.sizes.asked_of(total)))
    home = stores.folder / "small"
    try:
        with open_kb(home) as kb:
            kb.ingest(trials)
            rows = _rows(trials.head(1))
            yield lambda: _ingest(kb, next(rows))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _rows(known: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """New trials like a known one."""
    return (known.with_columns(source_id=pl.lit(f"new {i}")) for i in count())


def _ingest(kb: KnowledgeBase, row: pl.DataFrame) -> None:
    counts = kb.ingest(row).counts()
    if counts["inserted"] != 1:
        raise RuntimeError(f"a new row was ingested as {counts}")


def _asked(ingest: Callable[[], None]) -> Asked:
    with counted() as asked:
        ingest()
    return asked


def _wide(stores: Stores) -> Row:
    sizes = stores.sizes
    narrow, wide = sizes.columns // 2, sizes.columns
    frames = {width: _frame(width) for width in (narrow, wide)}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ours, peer = by_turns(
        lambda: read_trials(frames[wide], now=now),
        lambda: read_trials(frames[narrow], now=now),
        sizes.slow_calls,
    )
    return Row(
        _NAME,
        f"time per column, {wide:,} parameters",
        f"{narrow:,} parameters",
        "µs",
        scaled(ours, 1e6 / wide),
        scaled(peer, 1e6 / narrow),
        _LINEAR,
    )


def _frame(width: int) -> pl.DataFrame:
    """Rows whose parameters are columns of numbers and of texts, by turns."""
    rows = range(_WIDE_ROWS)
    texts = {True: str, False: float}
    parameters = {f"param_p{j}": [texts[j % 2 == 0](i + j) for i in rows] for j in range(width)}
    return pl.DataFrame(
        {
            "source_id": [f"t{i}" for i in rows],
            "strategy_name": ["wide"] * len(rows),
            "sharpe_oos": [1.0] * len(rows),
            **parameters,
        }
    )
