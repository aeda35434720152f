"""The same question over HTTP and in a process: what the service adds."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import numpy as np

from tradingkb.bench.data import questions, strategies
from tradingkb.bench.knowledge import request_of
from tradingkb.bench.processes import Process
from tradingkb.bench.rows import Findings, Row
from tradingkb.bench.stores import Stores

_NAME: Final = "service"
_CLIENTS: Final = (1, 8, 32)
#: Processor time of a request, in that of the same call.
_MOST_CPU: Final = 1.3
_AGAINST: Final = "the same call in a process"


def run(stores: Stores) -> Findings:
    """Processor time, p50 and p99 of requests by number of clients, beside the call itself."""
    sizes = stores.sizes
    body = json.dumps(request_of(strategies()[0].spec.name, questions(1)[0]))
    found: dict[int, list[dict[str, float]]] = {n: [] for n in _CLIENTS}
    alone: list[dict[str, float]] = []
    with (
        stores.copied(sizes.small) as home,
        Process("serve", home) as service,
        Process("call", home) as call,
    ):
        port = int(service.hear())
        _wait(port)
        _asked(service, port, body, 1, 0.0)  # what the first answer reads is read outside of this
        call.hear()
        for _ in range(sizes.rounds):
            call.say(sizes.phase_s)
            told = call.hear()
            alone.append(_figures(told["ms"], told["cpu_s"], sum(told["ms"]) / 1000))
            for clients, figures in found.items():
                figures.append(_asked(service, port, body, clients, sizes.phase_s))
    rows = [
        _row(what, unit, name, clients, figures, alone, limit)
        for clients, figures in found.items()
        for what, unit, name, limit in (
            ("processor time per request", "ms", "cpu_ms", _MOST_CPU),
            ("p50", "ms", "p50", None),
            ("p99", "ms", "p99", None),
        )
    ]
    rates = ", ".join(
        f"{np.median([f['rate'] for f in figures]):,.0f} requests/s of {clients}"
        for clients, figures in found.items()
    )
    return Findings(
        rows,
        [
            f"service: one process with eight threads, and clients without a pause ({rates}); both "
            "sides log at INFO. Clients take of the processor, too: with two cores, a p50 of many "
            "clients is how long requests wait for each other."
        ],
    )


def _row(
    what: str,
    unit: str,
    name: str,
    clients: int,
    figures: Sequence[dict[str, float]],
    alone: Sequence[dict[str, float]],
    limit: float | None,
) -> Row:
    ours = tuple(f[name] for f in figures)
    plural = "s" if clients > 1 else ""
    return Row(
        _NAME,
        f"{what}, {clients} client{plural}",
        _AGAINST,
        unit,
        ours,
        tuple(f[name] for f in alone),
        limit,
    )


def _figures(ms: Sequence[float], cpu_s: float, seconds: float) -> dict[str, float]:
    return {
        "cpu_ms": cpu_s * 1000 / len(ms),
        "p50": float(np.percentile(ms, 50)),
        "p99": float(np.percentile(ms, 99)),
        "rate": len(ms) / seconds,
    }


def _asked(
    service: Process, port: int, body: str, clients: int, duration: float
) -> dict[str, float]:
    """What requests of so many clients took and cost the service; one at least of each."""
    ms: list[float] = []
    failed: list[Any] = []

    def ask() -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.connect()
            # http.client sends head and body one after the other: without this the second waits
            # for the delayed acknowledgement of the first, 40 ms.
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not failed:
                start = time.perf_counter()
                status, text = _post(connection, body)
                ms.append((time.perf_counter() - start) * 1000)
                if status != 200:
                    failed.append(text)
                if time.perf_counter() >= end:
                    return

    before = _cpu_s(service)
    began = time.perf_counter()
    end = began + duration
    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if failed:
        raise RuntimeError(f"the service answered {failed[0]}")
    return _figures(ms, _cpu_s(service) - before, seconds)


def _post(connection: http.client.HTTPConnection, body: str) -> tuple[int, bytes]:
    connection.request("POST", "/kb/trials/recommend", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def _cpu_s(service: Process) -> float:
    service.say("")
    return float(service.hear())


def _wait(port: int) -> None:
    """Until the service is ready."""
    for _ in range(600):
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("the service did not become ready")
