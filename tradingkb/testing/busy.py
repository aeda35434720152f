"""A store with a past: real trials, and a week of real answers to questions of several callers.

Every answer is what `recommend` gives, recorded at the time that a clock of its own says; nothing
is made up but who asks what, when. For pictures, pages and tests of pages.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.domain import Regime
from tradingkb.exceptions import CircuitOpenError
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.resilience import BreakerJournal, Breakers

#: Opens the knowledge base of the store: replica and clock.
Open = Callable[[str, Callable[[], datetime]], KnowledgeBase]

REPLICAS: Final = ("replica-a", "replica-b")
#: When, in hours before the end, somebody asks with filters that hardly anything passes: until now.
INCIDENT_H: Final = (3.0, 0.0)
#: Replica, hours before the end, and seconds in which its vector index does not answer.
OUTAGES: Final = (("replica-a", 9.0, 180.0), ("replica-b", 8.99, 95.0), ("replica-b", 3.0, 40.0))
_TAGS: Final = (
    ["uptrend"],
    ["downtrend", "high_volatility"],
    ["ranging"],
    ["uptrend", "low_volatility"],
)
_STRICT: Final[dict[str, Any]] = {"max_drawdown": 0.004, "min_trades": 60}
_TIGHT: Final[dict[str, Any]] = {"max_drawdown": 0.03, "min_trades": 20}


@dataclass
class Clock:
    """Says what it is set to."""

    now: datetime

    def __call__(self) -> datetime:
        """The time."""
        return self.now


def fill(
    open_kb: Open,
    data: Path,
    *,
    end: datetime,
    days: float = 8.0,
    answers: int = 900,
    strategies: Sequence[str] | None = None,
    seed: int = 0,
) -> None:
    """Takes the sample trials in and asks about them for some days.

    Args:
        open_kb: opens the store under a replica's name and a clock.
        data: the repository's folder of sample data.
        end: time of the last answers.
        days: length of the past.
        answers: how many; as many more are asked in the incident as belong to its hours.
        strategies: of these alone; None for all of the sample.
        seed: of who asks what.
    """
    clock = Clock(end - timedelta(days=days, hours=1))
    rng = random.Random(seed)
    kbs = [open_kb(name, clock) for name in REPLICAS]
    try:
        names = _ingested(kbs[0], data, strategies)
        markets = _markets(kbs[0], data, rng)
        for at in _times(end, days, answers, rng):
            clock.now = at
            _ask(rng.choice(kbs), names, markets, rng, (end - at) / timedelta(hours=1))
        clock.now = end - timedelta(hours=20)
        _curated(kbs[0], names[0])
        clock.now = end - timedelta(hours=10)
        kbs[0].ingest()
        for replica, hours, seconds in OUTAGES:
            clock.now = end - timedelta(hours=hours)
            _outage(kbs[0], clock, replica, seconds)
    finally:
        for kb in kbs:
            kb.close()


def _ingested(kb: KnowledgeBase, data: Path, strategies: Sequence[str] | None) -> list[str]:
    trials = pl.read_parquet(data / "trials.parquet")
    if strategies is not None:
        trials = trials.filter(pl.col("strategy_name").is_in(list(strategies)))
    kb.register_strategy(data / "strategies")
    kb.ingest(trials, ohlcv=data / "ohlcv")
    kb.calibrate()
    kb.create_workspace("research")
    return sorted(trials["strategy_name"].unique())


def _markets(kb: KnowledgeBase, data: Path, rng: random.Random) -> list[dict[str, Any]]:
    """Some markets of the sample's bars, measured at several of their days."""
    found: list[dict[str, Any]] = []
    for path in sorted((data / "ohlcv").glob("*_1d.parquet")):
        bars = pl.read_parquet(path)
        for _ in range(3):
            some = bars.head(rng.randrange(bars.height // 2, bars.height))
            symbol = path.stem.removesuffix("_1d")
            regime = kb.regime(some, timeframe="1d", symbol=symbol)
            found.append({"regime": regime, "symbol": symbol, "timeframe": "1d"})
    return found


def _times(end: datetime, days: float, answers: int, rng: random.Random) -> list[datetime]:
    """More by day than by night, and many in the hours of the incident."""
    found: list[datetime] = []
    while len(found) < answers:
        at = end - timedelta(days=rng.random() * days)
        if rng.random() < (1.0 if 7 <= at.hour < 21 else 0.25):
            found.append(at)
    first, last = INCIDENT_H
    more = max(30, answers // 12)
    found += [end - timedelta(hours=rng.uniform(last, first)) for _ in range(more)]
    return sorted(found)


def _ask(
    kb: KnowledgeBase,
    names: Sequence[str],
    markets: Sequence[dict[str, Any]],
    rng: random.Random,
    hours_left: float,
) -> None:
    first, last = INCIDENT_H
    incident = last <= hours_left <= first and rng.random() < 0.85
    dice = rng.random()
    market: dict[str, Any] = dict(rng.choice(markets))
    if dice < 0.1:
        market = {}
    elif dice < 0.2:
        market["regime"] = Regime.stated(tags=rng.choice(_TAGS))
    filters: dict[str, Any] = {}
    if incident or rng.random() < 0.03:
        filters = _STRICT
    elif rng.random() < 0.12:
        filters = _TIGHT
    name = names[0] if incident else rng.choice(names)
    kb.recommend(
        name,
        rng.choice(("sharpe", "sharpe", "sharpe", "return")),
        caller=rng.choice(("http", "http", "http", "python", "cli")),
        **market,
        **filters,
    )


def _curated(kb: KnowledgeBase, name: str) -> None:
    """Some trials promoted and rejected, as a week would bring."""
    found = kb.trials(strategy_name=name, limit=12)["trial_id"].to_list()
    kb.promote(found[:2], reason="ran live for a quarter", actor="mira")
    kb.reject(found[2:5], reason="bars of that feed were late", actor="mira")


def _outage(kb: KnowledgeBase, clock: Clock, replica: str, seconds: float) -> None:
    """Breakers of a replica meet an index that does not answer for a while, and write it down."""

    def seconds_now() -> float:
        return clock.now.timestamp()

    breakers = Breakers({"qdrant": True}, monotonic=seconds_now, clock=clock)
    journal = BreakerJournal(kb.use_cases.store, breakers, replica, clock=clock, heartbeat_s=3600.0)
    breaker, back = breakers["qdrant"], clock.now + timedelta(seconds=seconds)
    journal.start()
    while clock.now < back or breaker.state().state != "closed":
        clock.now += timedelta(seconds=2)
        try:
            call = breaker.ask()
        except CircuitOpenError:
            continue
        if clock.now < back:
            breaker.retried()
            breaker.retried()
            breaker.failed(call, "ConnectError: connection refused")
        else:
            breaker.succeeded(call)
    journal.stop()
