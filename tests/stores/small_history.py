"""The same small store, as every earlier release wrote it, and how its fixtures were made.

With the checkout of a release first on the path, and its name in place of 0004:

    python tests/stores/small_history.py store_0004.db.gz [statements_0004.json]

writes `fixtures/small_store_0004.db.gz`, and every statement that the release sent to the database
while it did, and while it did what `work` says, each with the parameters of one execution. What
`fill` calls, every release since 0.1 has.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

import tradingkb as tkb

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = """
name = "s"
version = "1"
constraints = ["fast < slow"]
[[params]]
name = "fast"
type = "int"
low = 2
high = 40
default = 5
[[params]]
name = "slow"
type = "int"
low = 20
high = 100
default = 50
"""
#: Asked of every store; the answers have to be alike.
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"regime": ["uptrend"], "symbol": "X", "timeframe": "1d"},
    {"regime": {"volatility_annual": 0.3}},
    {"symbol": "Y", "timeframe": "1d"},
    {"regime": ["ranging"], "as_of": "2017-06-01", "max_drawdown": 0.12},
    {"max_drawdown": 0.0001, "min_trades": 1000},
)


class Clock:
    """Moves by a microsecond per reading."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


def trials(first: int = 0, last: int = 12) -> pl.DataFrame:
    """Five values of `fast` on two symbols, window by window; 20 does best."""
    rows = []
    for w in range(first, last):
        start = datetime(2015, 1, 1) + timedelta(days=91 * w)
        found = json.dumps(tkb.Regime(features={"volatility_annual": 0.1 + 0.03 * w}).to_dict())
        for k, fast in enumerate((5, 10, 20, 30, 40)):
            luck = ((7 * w + 3 * k) % 11) / 100
            rows.append(
                {
                    "source_id": f"{w}:{fast}",
                    "strategy_name": "s",
                    "symbol": "XY"[w % 2],
                    "timeframe": "1d",
                    "params": json.dumps({"fast": fast, "slow": 50}),
                    "is_start": start - timedelta(days=365),
                    "is_end": start,
                    "oos_start": start,
                    "oos_end": start + timedelta(days=90),
                    "sharpe_is": 1.0 - abs(fast - 20) / 50,
                    "n_trades_is": 40,
                    "sharpe_oos": 0.8 - abs(fast - 20) / 50 + luck,
                    "max_drawdown_frac_oos": 0.1 + luck / 2,
                    "n_trades_oos": 20,
                    "regime_is": found,
                    "regime_oos": found,
                }
            )
    return pl.DataFrame(rows)


def fill(home: Path) -> None:
    """Two runs, a spec and three recommendations."""
    spec = home.parent / "spec.toml"
    spec.write_text(SPEC, encoding="utf-8")
    with tkb.connect(home, clock=Clock(), replica="host", progress=False) as kb:
        kb.register_strategy(spec)
        kb.ingest(trials(0, 9))
        kb.ingest(trials(9, 12))
        for question in (QUESTIONS[0], QUESTIONS[2], QUESTIONS[-1]):
            kb.recommend("s", **question)


def work(home: Path) -> None:
    """What a day of the last release before schema 0005 is made of."""
    with tkb.connect(home, clock=Clock(NOW + timedelta(days=1)), progress=False) as kb:
        ids = kb.trials(limit=3)["source_id"].to_list()
        kb.promote(ids[:1], actor="ann", reason="good")
        kb.reject(ids[1:2], actor="ann", reason="bad")
        kb.archive(ids[2:], actor="ann", reason="old")
        run = kb.ingest(trials(12, 13)).run_id
        kb.withdraw(run, actor="ann", reason="wrong")
        kb.reinstate(run, actor="ann", reason="right")
        kb.calibrate()
        kb.recommend_many(strategies=["s"], markets={"up": {"volatility_annual": 0.2}})
        for question in QUESTIONS:
            kb.recommend("s", **question)
        kb.explain("s", {"fast": 10, "slow": 50}, symbol="X", timeframe="1d")
        kb.events(status="ok", strategy_name="s")
        kb.runs()
        kb.history(ids[:1])
        kb.strategies()
        kb.workspaces()
        kb.reconcile()
        kb.prune(1, 1, dry_run=False)


@contextmanager
def recorded() -> Iterator[dict[str, Any]]:
    """Statements that are sent meanwhile, each with the parameters of its first execution."""
    import sqlalchemy as sa

    found: dict[str, Any] = {}

    def note(_: Any, __: Any, text: str, parameters: Any, ___: Any, many: bool) -> None:
        first = parameters[0] if many else parameters
        hexed = [{"hex": bytes(p).hex()} if isinstance(p, bytes) else p for p in first]
        found.setdefault(text, hexed)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def compact(home: Path) -> bytes:
    """The database as one file, compressed."""
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
    return gzip.compress((home / "tradingkb.db").read_bytes(), mtime=0)


def main(store: Path, statements: Path | None = None) -> None:
    """Writes the fixtures of the release that is imported."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        tkb.connect(home, progress=False).close()  # making the tables is not recorded
        with recorded() as found:
            fill(home)
            store.write_bytes(compact(home))
            if statements is not None:
                work(home)
        if statements is not None:
            statements.write_text(
                json.dumps(list(found.items()), indent=0) + "\n", encoding="utf-8"
            )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
