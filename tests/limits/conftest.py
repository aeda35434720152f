"""What counts in Redis, on a clock that a test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tradingkb.limits import Backend, backend_of
from tradingkb.settings import load_settings

#: Opens what counts at a URL, with further settings.
Count = Callable[..., Backend]


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Clock:
    """When Redis is asked again after a failure."""
    return Clock()


@pytest.fixture
def count(ticks: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Count]:
    """Opens replicas; they are closed at the end."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def opened(url: str, **given: Any) -> Backend:
            # Closed unless told otherwise: memory that stands in hides a Redis that fails.
            given = {"rate_limit_fail": "closed", "rate_limit_backend": "redis", **given}
            backend = backend_of(load_settings(redis_url=url, **given), ticks)
            stack.callback(backend.close)
            return backend

        yield opened
