"""The first page of the dashboard beside its queries, with many answers in the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tradingkb.bench.rows import Findings, Row, scaled
from tradingkb.bench.stores import Stores

_NAME: Final = "dashboard"
_APP: Final = Path(__file__).resolve().parents[3] / "dashboard" / "app.py"
#: A page may take twice what its queries take: the rest is shaping and drawing.
_LIMIT: Final = 2.0
#: Runs in a process of its own: Streamlit keeps what was asked, and is told to forget it.
_PROGRAM: Final = """
import json, sys, time
import streamlit
from streamlit.testing.v1 import AppTest
from tradingkb.client import LocalClient

app_path, rounds, lengths = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
asked = []

def timed(method):
    def call(*given, **named):
        started = time.perf_counter()
        try:
            return method(*given, **named)
        finally:
            asked.append(time.perf_counter() - started)
    return call

for name in dir(LocalClient):
    if not name.startswith("_") and name not in ("where", "close"):
        setattr(LocalClient, name, timed(getattr(LocalClient, name)))
told = {}
for length in lengths:
    app = AppTest.from_file(app_path, default_timeout=300)
    app.query_params["range"] = length
    app.run()
    told[length] = []
    for _ in range(rounds):
        streamlit.cache_data.clear()
        asked.clear()
        started = time.perf_counter()
        app.run()
        told[length].append((time.perf_counter() - started, sum(asked)))
        assert not app.exception
print(json.dumps(told))
"""


def run(stores: Stores) -> Findings:
    """A row for the shortest range by hour and one for the month."""
    if find_spec("streamlit") is None or not _APP.exists():
        return Findings([], ["dashboard: needs the extra dashboard, and a clone of the project."])
    home, _ = stores.events()
    rows = []
    for length, took in _pages(home, stores.sizes.rounds, ("24h", "30d")).items():
        rows.append(
            Row(
                _NAME,
                f"overview of {length}, {stores.sizes.events:,} events",
                "its queries",
                "ms",
                scaled([page for page, _ in took], 1e3),
                scaled([queries for _, queries in took], 1e3),
                _LIMIT,
            )
        )
    return Findings(
        rows, ["dashboard: the page as the server makes it; what a browser does is not in it."]
    )


def _pages(home: Path, rounds: int, lengths: Sequence[str]) -> dict[str, list[tuple[float, float]]]:
    """Seconds of the page and of its queries, round by round, of each range."""
    command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(_APP), str(rounds), *lengths]
    env = {**os.environ, "TRADINGKB_HOME": str(home), "PYTHONPATH": str(_APP.parents[1])}
    for name in ("TRADINGKB_SERVICE_URL", "DATABASE_URL"):
        env.pop(name, None)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    found: dict[str, list[tuple[float, float]]] = json.loads(done.stdout)
    return found
