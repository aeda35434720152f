"""The same file once more: nothing changes, and that has to be found out."""

from __future__ import annotations

from typing import Final

from tradingkb.bench.knowledge import open_kb
from tradingkb.bench.peers import read_and_hash
from tradingkb.bench.rows import Findings, Row, by_turns
from tradingkb.bench.stores import Stores

_NAME: Final = "reingest"
_MOST_TIMES: Final = 3.0


def run(stores: Stores) -> Findings:
    """A repeated ingest beside reading the file and hashing its rows, at both sizes."""
    sizes = stores.sizes
    plan = ((sizes.small, sizes.rounds), (sizes.large, sizes.large_rounds))
    note = "reingest: the peer is polars.read_parquet and SHA-256 of repr(row), row by row."
    return Findings([_row(stores, total, rounds) for total, rounds in plan], [note])


def _row(stores: Stores, total: int, rounds: int) -> Row:
    home, path = stores.filled(total).home, stores.trials(total)
    with open_kb(home) as kb:

        def again() -> None:
            counts = kb.ingest(path).counts()
            if counts["skipped"] != total:
                raise RuntimeError(f"an unchanged file was ingested as {counts}")

        ours, peer = by_turns(again, lambda: read_and_hash(path), rounds, warm=0)
    what = f"unchanged file again, {total:,} trials"
    against = "read_parquet and SHA-256 of each row"
    return Row(_NAME, what, against, "s", tuple(ours), tuple(peer), _MOST_TIMES)
