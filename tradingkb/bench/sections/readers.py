"""Readers in processes of their own that recommend while another process ingests."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tradingkb.bench.data import STRATEGIES
from tradingkb.bench.processes import Process
from tradingkb.bench.rows import Findings, Row
from tradingkb.bench.stores import Stores

_NAME: Final = "readers"
_MOST_TIMES: Final = 3.0
_IDLE: Final = "nobody ingests"
#: A reader's time starts when its caches are warm: the writer must still be at it at the end.
_WRITER_LONGER: Final = 1.25


@dataclass
class _Watched:
    """What the readers met in one situation: milliseconds per round, and errors."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: int = 0
    trials_per_s: list[float] = field(default_factory=list)


def run(stores: Stores) -> Findings:
    """The p50 and p99 of answers while a writer ingests, beside the same readers alone."""
    sizes = stores.sizes
    half = min(sizes.readers, STRATEGIES // 2)
    writers = {
        "others' trials come in": (half, STRATEGIES),
        "trials of theirs come in": (0, half),
    }
    seen = {name: _Watched() for name in (_IDLE, *writers)}
    with stores.copied(sizes.small) as home, ExitStack() as stack:
        readers = [
            stack.enter_context(Process("read", home, i % half)) for i in range(sizes.readers)
        ]
        writing = {
            name: stack.enter_context(Process("write", home, sizes.windows, sizes.batch, *chosen))
            for name, chosen in writers.items()
        }
        for process in (*readers, *writing.values()):
            process.hear()
        for _ in range(sizes.rounds):
            for name, watched in seen.items():
                _watch(readers, writing.get(name), sizes.phase_s, watched)
    return Findings(_rows(seen, sizes.readers), _notes(stores, seen))


def _watch(
    readers: list[Process], writer: Process | None, duration: float, watched: _Watched
) -> None:
    if writer is not None:
        writer.say(duration * _WRITER_LONGER)
        writer.hear()  # it has begun
    for reader in readers:
        reader.say(duration)
    told = [reader.hear() for reader in readers]
    times = [ms for one in told for ms in one["ms"]]
    watched.p50.append(float(np.percentile(times, 50)))
    watched.p99.append(float(np.percentile(times, 99)))
    watched.errors += [error for one in told for error in one["errors"]]
    watched.answers += len(times)
    if writer is not None:
        done = writer.hear()
        watched.trials_per_s.append(done["trials"] / done["seconds"])


def _rows(seen: dict[str, _Watched], count: int) -> list[Row]:
    idle = seen[_IDLE]
    against = f"the same readers, {_IDLE}"
    rows = []
    for name, busy in seen.items():
        if busy is not idle:
            what = f"of {count} readers while {name}"
            rows += [
                Row(_NAME, f"p50 {what}", against, "ms", tuple(busy.p50), tuple(idle.p50)),
                Row(
                    _NAME,
                    f"p99 {what}",
                    against,
                    "ms",
                    tuple(busy.p99),
                    tuple(idle.p99),
                    _MOST_TIMES,
                ),
            ]
    errors = float(sum(len(watched.errors) for watched in seen.values()))
    answers = float(sum(watched.answers for watched in seen.values()))
    rows.append(
        Row(
            _NAME,
            f"failed answers of {count} readers",
            "all answers",
            "answers",
            (errors,),
            (answers,),
            0.0,
        )
    )
    return rows


def _notes(stores: Stores, seen: dict[str, _Watched]) -> list[str]:
    sizes = stores.sizes
    rates = ", ".join(
        f"{np.median(watched.trials_per_s):,.0f} trials/s while {name}"
        for name, watched in seen.items()
        if watched.trials_per_s
    )
    notes = [
        f"readers: {sizes.readers} processes ask without a pause, each about one strategy of a "
        f"store of {sizes.small:,} trials; the writer ingests {sizes.batch:,} new trials at a "
        f"time ({rates})."
    ]
    errors = [error for watched in seen.values() for error in watched.errors]
    return notes + [f"readers: failed with {error}" for error in dict.fromkeys(errors)]
