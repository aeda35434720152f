"""Processes of the benchmark: an ingest of its own memory, readers and a writer side by side.

`ingest` prints one JSON line. `read`, `write` and `call` print "ready", then one JSON line for
every line of their input, which says for how many seconds to work. `serve` serves over HTTP, prints
its port, and for every line the processor time that it has taken. All end with their input.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.bench.data import counts, make_trials, make_windows, questions, strategies
from tradingkb.bench.knowledge import ask, open_kb, request_of
from tradingkb.bench.machine import peak_memory_mb
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.observability import configure_logging

#: Of the service: requests that it works on at once.
_THREADS: Final = 8


def main(arguments: list[str] | None = None) -> None:
    """Runs one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True)
    ingest = roles.add_parser("ingest")
    ingest.add_argument("parquet", type=Path)
    ingest.add_argument("home", type=Path)
    read = roles.add_parser("read")
    read.add_argument("home", type=Path)
    read.add_argument("number", type=int)
    write = roles.add_parser("write")
    write.add_argument("home", type=Path)
    write.add_argument("windows", type=int)
    write.add_argument("batch", type=int)
    write.add_argument("first", type=int)
    write.add_argument("last", type=int)
    for role in ("call", "serve"):
        roles.add_parser(role).add_argument("home", type=Path)
    given = parser.parse_args(arguments)
    if given.role == "ingest":
        _say(_ingest(given.parquet, given.home))
    elif given.role == "read":
        with open_kb(given.home) as kb:
            _serve(lambda duration: _read(kb, given.number, duration))
    elif given.role == "call":
        configure_logging("INFO", "logfmt")
        with open_kb(given.home) as kb:
            _serve(lambda duration: _call(kb, duration))
    elif given.role == "serve":
        configure_logging("INFO", "logfmt")
        _say(_listen(given.home))
        for _ in sys.stdin:
            _say(time.process_time())
    else:
        batches = _batches(given.windows, given.batch, range(given.first, given.last))
        with open_kb(given.home) as kb:
            _serve(lambda duration: _write(kb, batches, duration))


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _serve(work: Any) -> None:
    _say("ready")
    for line in sys.stdin:
        _say(work(float(line)))


def _ingest(parquet: Path, home: Path) -> dict[str, float]:
    with open_kb(home) as kb:
        start = time.perf_counter()
        report = kb.ingest(parquet)
        took = time.perf_counter() - start
    return {
        "seconds": took,
        "peak_mb": peak_memory_mb(),
        "inserted": report.counts()["inserted"],
    }


def _read(kb: KnowledgeBase, number: int, duration: float) -> dict[str, Any]:
    """Recommends again and again: milliseconds of each answer, and what went wrong."""
    name = strategies()[number].spec.name
    markets = questions(10)
    ask(kb, name, markets[0])  # what a phase before changed is loaded outside of this one
    times: list[float] = []
    errors: list[str] = []
    end = time.perf_counter() + duration
    while (start := time.perf_counter()) < end:
        try:
            answer = ask(kb, name, markets[len(times) % len(markets)])
            if answer.params is None or answer.metadata_only:
                errors.append(f"status {answer.status}: {answer.reasons}")
        except Exception as error:  # a reader that fails is what is looked for
            errors.append(repr(error))
        times.append((time.perf_counter() - start) * 1000)
    return {"ms": times, "errors": errors}


def _call(kb: KnowledgeBase, duration: float) -> dict[str, Any]:
    """Recommends again and again, and writes each answer as the service writes it."""
    import orjson

    asked = request_of(strategies()[0].spec.name, questions(1)[0])
    without = ("evidence", "trials")
    kb.recommend(**asked)
    times: list[float] = []
    began = time.process_time()
    end = time.perf_counter() + duration
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        orjson.dumps(kb.recommend(**asked).to_dict(without=without))
        times.append((time.perf_counter() - start) * 1000)
    return {"ms": times, "cpu_s": time.process_time() - began}


def _listen(home: Path) -> int:
    """Serves in a thread until the process ends; the port."""
    from tradingkb.service import prepare
    from tradingkb.settings import Settings

    settings = Settings.model_construct(
        home=home, rate_limit_per_minute=0, rate_limit_concurrent=0, threads=_THREADS
    )
    server, listening = prepare(settings, "127.0.0.1", 0)
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    return int(listening.getsockname()[1])


def _write(kb: KnowledgeBase, batches: Iterator[pl.DataFrame], duration: float) -> dict[str, Any]:
    """Ingests batch after batch, at least one; says before when it begins."""
    _say("started")
    start, trials = time.perf_counter(), 0
    while not trials or time.perf_counter() - start < duration:
        trials += kb.ingest(next(batches)).counts()["inserted"]
    return {"trials": trials, "seconds": time.perf_counter() - start}


def _batches(windows: int, size: int, chosen: range) -> Iterator[pl.DataFrame]:
    """New trials of the chosen strategies, without end."""
    known = make_windows(windows)
    share = [size // len(chosen) if i in chosen else 0 for i, _ in enumerate(counts(0, 0))]
    number = 0
    while True:
        prefix = f"{chosen.start}-{number}:"
        yield make_trials(known, share, seed=number, prefix=prefix)
        number += 1


if __name__ == "__main__":
    main()
