"""A whole recommendation: beside its own retrieval, at both sizes, and right after a change."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

from tradingkb.bench.data import counts, make_trials, questions, strategies
from tradingkb.bench.knowledge import Retrieval, ask, open_kb
from tradingkb.bench.rows import Findings, Row, by_turns, median, scaled, seconds
from tradingkb.bench.stores import Stores
from tradingkb.domain import Regime
from tradingkb.knowledge_base import KnowledgeBase

_NAME: Final = "recommend"
_MOST_TIMES: Final = 10.0
_MOST_GROWTH: Final = 1.25
#: The strategy asked for: it has the same trials in both stores.
_ASKED: Final = strategies(1)[0].spec.name


def run(stores: Stores) -> Findings:
    """Rows and the milliseconds of each step."""
    sizes = stores.sizes
    timings: list[dict[str, float]] = []
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(open_kb(stores.filled(total).home))
            for total in (sizes.small, sizes.large)
        )
        rows = [
            _against_retrieval(small, sizes.small, stores),
            _against_retrieval(large, sizes.large, stores),
            _flat(small, large, stores, timings),
        ]
    rows.append(_after_a_change(stores))
    return Findings(rows, [_steps(timings)])


def _against_retrieval(kb: KnowledgeBase, total: int, stores: Stores) -> Row:
    asked = Retrieval(kb, _ASKED)
    markets = _markets()
    vectors = itertools.cycle([asked.vector(market) for market in questions(20)])
    took = by_turns(
        lambda: ask(kb, _ASKED, next(markets)),
        lambda: asked.nearest(next(vectors)),
        stores.sizes.calls,
    )
    what = f"{total:,} trials, {_own(stores, total):,} of the strategy"
    return Row(
        _NAME,
        what,
        "the retrieval of the same question",
        "ms",
        scaled(took[0], 1e3),
        scaled(took[1], 1e3),
        _MOST_TIMES,
    )


def _flat(
    small: KnowledgeBase, large: KnowledgeBase, stores: Stores, timings: list[dict[str, float]]
) -> Row:
    sizes = stores.sizes
    first, second = _markets(), _markets()

    def asking(kb: KnowledgeBase, markets: Iterator[Regime]) -> Callable[[], None]:
        return lambda: timings.append(dict(ask(kb, _ASKED, next(markets)).timings))

    took = by_turns(asking(large, first), asking(small, second), sizes.calls)
    what = f"{sizes.large:,} trials, {_own(stores, sizes.large):,} of the strategy"
    return Row(
        _NAME,
        what,
        f"{sizes.small:,} trials, the same of the strategy",
        "ms",
        scaled(took[0], 1e3),
        scaled(took[1], 1e3),
        _MOST_GROWTH,
    )


def _after_a_change(stores: Stores) -> Row:
    total = stores.sizes.small
    markets = _markets()
    first, warm = [], []
    with stores.copied(total) as home, open_kb(home) as kb:
        ask(kb, _ASKED, next(markets))
        for number in range(stores.sizes.slow_calls):
            one = make_trials(stores.windows, counts(1, 1), seed=number, prefix=f"new-{number}:")
            kb.ingest(one)
            first.append(seconds(lambda: ask(kb, _ASKED, next(markets))))
            warm.append(seconds(lambda: ask(kb, _ASKED, next(markets))))
    return Row(
        _NAME,
        f"first call after one more trial, {total:,} trials",
        "the call after it",
        "ms",
        scaled(first, 1e3),
        scaled(warm, 1e3),
    )


def _steps(timings: list[dict[str, float]]) -> str:
    steps = ", ".join(
        f"{name.removesuffix('_ms')} {median([t[name] for t in timings]):.1f}"
        for name in timings[0]
    )
    return f"recommend: median milliseconds of each step, from the answers' `timings`: {steps}."


def _markets() -> Iterator[Regime]:
    return itertools.cycle(questions(20))


def _own(stores: Stores, total: int) -> int:
    return stores.sizes.asked_of(total)
