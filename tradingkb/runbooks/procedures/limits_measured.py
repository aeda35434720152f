"""How much a deployment admits: measured by asking until it refuses.

What is asked for is the regime of some bars: it counts in the same share as recommendations, and
leaves no trace in the store.
"""

from __future__ import annotations

import io
import json
import re
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, Final, Literal

from tradingkb.exceptions import InvalidInputError
from tradingkb.runbooks.procedures.http import Answer, Tokens, ask

#: Asks a replica for one thing that counts.
Send = Callable[[str], Answer]
#: What became of a request: counted, or refused by which limit.
Fate = Literal["admitted", "per_minute", "at_once"]
_WINDOW_S: Final = 60.0
#: How often as many requests as are refused are sent at once: in the least of them none had ended
#: before another one began.
_BURSTS: Final = 3
#: Requests beyond the limit at once, for each replica.
_BEYOND: Final = 2
_TOO_MANY: Final = 429
#: Enough bars that an answer takes longer than it takes several requests to arrive.
_BARS: Final = 10_000
_EDGE: Final = "tradingkb-bars"
_LIMITS: Final = re.compile(r'"([\w-]+)";q=(\d+)')


@dataclass(frozen=True)
class Measured:
    """What a deployment admits of one workspace.

    Attributes:
        configured_per_minute: what its answers say; None for no limit.
        effective_per_minute: how many it admitted in a minute; None where it was not measured.
        configured_at_once: likewise, of requests at once.
        effective_at_once: how many it had under way at once; None where it was not measured.
        requests: that were sent.
        refused: of them.
        seconds: that it took.
        median_ms: of an answer, in milliseconds.
        note: why something was not measured; "" where all was.
    """

    configured_per_minute: int | None
    effective_per_minute: int | None
    configured_at_once: int | None
    effective_at_once: int | None
    requests: int
    refused: int
    seconds: float
    median_ms: float
    note: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready figures."""
        return asdict(self)


def sender(workspace: str, tokens: Tokens) -> Send:
    """Asks a replica for the regime of the same bars, for a workspace."""
    return lambda url: ask(
        url,
        "/kb/regime",
        _form(workspace),
        tokens=tokens,
        content_type=f"multipart/form-data; boundary={_EDGE}",
    )


def measured(
    urls: Sequence[str],
    replicas: int,
    send: Send,
    *,
    most: int,
    monotonic: Callable[[], float] = time.monotonic,
) -> Measured:
    """Asks replicas until they refuse: many at once, and then one after the other.

    Args:
        urls: of the replicas, or of what stands before them.
        replicas: how many there are.
        send: asks for one thing.
        most: requests in all; of limits that are not reached with them nothing is measured.
        monotonic: seconds that only grow.

    Raises:
        InvalidInputError: they refuse for another reason, such as an unknown workspace.
        BackendUnavailableError: one does not answer.
    """
    began = monotonic()
    first = send(urls[0])
    limits = configured(first)
    seen = [(first, fate(first))]
    notes = []
    at_once = limits["at_once"]
    if at_once is not None and _BURSTS * replicas * (at_once + _BEYOND) <= most:
        bursts = [_burst(urls, replicas * (at_once + _BEYOND), send) for _ in range(_BURSTS)]
        seen += [one for burst in bursts for one in burst]
        together = [
            _admitted(burst)
            for burst in bursts
            if _refused(burst, "at_once") and not _refused(burst, "per_minute")
        ]
    else:
        together = []
        notes.append(_unmeasured("requests at once", at_once, most))
    per_minute = limits["per_minute"]
    measurable = per_minute is not None and replicas * (per_minute + 4) + len(seen) <= most
    if measurable:
        seen += _until_refused(urls, 4 * replicas, most - len(seen), send)
    else:
        notes.append(_unmeasured("requests in a minute", per_minute, most))
    seconds = monotonic() - began
    if measurable and seconds >= _WINDOW_S:
        measurable = False
        notes.append(f"requests in a minute: asking took {seconds:.0f} s, so that places were free")
    times = [answer.seconds * 1000 for answer, what in seen if what == "admitted"]
    return Measured(
        configured_per_minute=per_minute,
        effective_per_minute=_admitted(seen) if measurable else None,
        configured_at_once=at_once,
        effective_at_once=min(together, default=None),
        requests=len(seen),
        refused=len(seen) - _admitted(seen),
        seconds=round(seconds, 3),
        median_ms=round(statistics.median(times), 1) if times else 0.0,
        note="; ".join(filter(None, notes)),
    )


def configured(answer: Answer) -> Mapping[str, int | None]:
    """The limits that an answer names: "per_minute" and "at_once", None for no limit."""
    found = dict(_LIMITS.findall(answer.headers.get("ratelimit-policy", "")))
    per_minute, at_once = found.get("workspace"), found.get("workspace-concurrent")
    return {
        "per_minute": None if per_minute is None else int(per_minute),
        "at_once": None if at_once is None else int(at_once),
    }


def fate(answer: Answer) -> Fate:
    """Whether a request was counted, or which limit refused it.

    Raises:
        InvalidInputError: it was refused for another reason.
        BackendUnavailableError: no answer came, or a failure.
    """
    if answer.status != _TOO_MANY:
        answer.checked()
        return "admitted"
    violated = answer.headers.get("ratelimit", "")
    if not violated:
        raise InvalidInputError("something before the service refuses requests (429)")
    return "at_once" if "concurrent" in violated else "per_minute"


def never_held_up(
    urls: Sequence[str], tokens: Tokens, send_as_admin: Send | None, times: int = 3
) -> dict[str, int]:
    """How often what is never limited was refused, by path; all are 0 where it holds.

    Args:
        urls: of the replicas.
        tokens: of the workspace whose share is used up.
        send_as_admin: asks as an administrator; None without a token.
        times: how often each is asked.
    """
    asks: dict[str, Send] = {
        path: partial(_probe, path=path, tokens=tokens)
        for path in ("/health", "/ready", "/metrics")
    }
    asks["/kb/objectives (lists have a share of their own)"] = partial(
        _probe, path="/kb/objectives", tokens=tokens
    )
    if send_as_admin is not None:
        asks["/kb/regime (as an administrator)"] = send_as_admin
    return {
        path: sum(one(url).status == _TOO_MANY for url in urls for _ in range(times))
        for path, one in asks.items()
    }


def _probe(url: str, path: str, tokens: Tokens) -> Answer:
    return ask(url, path, tokens=tokens)


def _burst(urls: Sequence[str], n: int, send: Send) -> list[tuple[Answer, Fate]]:
    """So many requests at the same moment, over all replicas."""
    ready = threading.Barrier(n)

    def one(number: int) -> Answer:
        ready.wait()
        return send(urls[number % len(urls)])

    with ThreadPoolExecutor(n) as threads:
        return [(answer, fate(answer)) for answer in threads.map(one, range(n))]


def _until_refused(
    urls: Sequence[str], patience: int, most: int, send: Send
) -> list[tuple[Answer, Fate]]:
    """One request after the other, by turns, until so many in a row are refused."""
    seen: list[tuple[Answer, Fate]] = []
    in_a_row = 0
    while in_a_row < patience and len(seen) < most:
        answer = send(urls[len(seen) % len(urls)])
        seen.append((answer, fate(answer)))
        in_a_row = in_a_row + 1 if seen[-1][1] == "per_minute" else 0
    return seen


def _admitted(seen: Sequence[tuple[Answer, Fate]]) -> int:
    return sum(what == "admitted" for _, what in seen)


def _refused(seen: Sequence[tuple[Answer, Fate]], by: Fate) -> bool:
    return any(what == by for _, what in seen)


def _unmeasured(what: str, limit: int | None, most: int) -> str:
    if limit is None:
        return f"{what}: there is no limit"
    return f"{what}: {limit} are too many to reach with {most} requests"


@cache
def _form(workspace: str) -> bytes:
    """A form with bars, as an upload."""
    import polars as pl

    begin = datetime(2000, 1, 1, tzinfo=UTC)
    ts = pl.datetime_range(begin, begin + (_BARS - 1) * timedelta(minutes=5), "5m", eager=True)
    close = 100.0 + pl.int_range(_BARS, eager=True) % 17 / 10
    bars = pl.DataFrame(
        {"ts": ts, "open": close, "high": close + 0.2, "low": close - 0.2, "close": close}
    )
    file = io.BytesIO()
    bars.write_parquet(file)
    head = (
        f'--{_EDGE}\r\nContent-Disposition: form-data; name="request"\r\n\r\n'
        f"{json.dumps({'workspace_id': workspace})}\r\n"
        f'--{_EDGE}\r\nContent-Disposition: form-data; name="ohlcv"; '
        'filename="LIMITS_5m.parquet"\r\nContent-Type: application/octet-stream\r\n\r\n'
    )
    return head.encode() + file.getvalue() + f"\r\n--{_EDGE}--\r\n".encode()
