"""A service in this process over a copy of the sample, asked by FastAPI's own client."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import tradingkb as tkb
from tradingkb.service import create_app
from tradingkb.settings import load_settings

ADMIN = {"X-Admin-Token": "a-secret-token"}
#: Of workspaces.
TOKENS = {"desk": "token-of-desk", "lab": "token-of-lab"}
#: No limits but where they are what a test is about.
UNLIMITED = {
    "rate_limit_per_minute": 0,
    "rate_limit_concurrent": 0,
    "rate_limit_reads_per_minute": 0,
    "rate_limit_reads_concurrent": 0,
}
Serve = Callable[..., TestClient]
#: A trial as a request brings it.
ROW = {
    "source_id": "1",
    "strategy_name": "s",
    "symbol": "X",
    "timeframe": "1d",
    "params": {"fast": 10},
    "oos_start": "2020-01-01",
    "oos_end": "2020-04-01",
    "sharpe_oos": 1.5,
    "n_trades_oos": 12,
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def walked(served: TestClient, path: str, name: str) -> list[dict[str, Any]]:
    """All rows of a list, page by page."""
    found, cursor = [], None
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        page = served.get(f"{path}{more}").json()
        found += page[name]
        if (cursor := page["next"]) is None:
            return found


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts services; what they opened is closed at the end."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def start(
            home: Path | str = "home",
            *,
            monotonic: Callable[[], float] = time.monotonic,
            patience_s: float = 600.0,
            **given: Any,
        ) -> TestClient:
            chosen = {"home": Path(home), "admin_token": ADMIN["X-Admin-Token"], **UNLIMITED}
            settings = load_settings(**{**chosen, **given})
            open_kb = partial(tkb.connect, settings=settings, progress=False, patience_s=patience_s)
            app = create_app(open_kb, settings, monotonic=monotonic)
            return stack.enter_context(TestClient(app))

        yield start


@pytest.fixture(scope="session")
def kept_home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample whose trials no test changes."""
    return Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("served") / "home"))


@pytest.fixture(scope="session")
def served(kept_home: Path) -> Iterator[TestClient]:
    """A service over the sample, for tests that change no trial."""
    settings = load_settings(home=kept_home, admin_token=ADMIN["X-Admin-Token"], **UNLIMITED)
    open_kb = partial(tkb.connect, settings=settings, progress=False)
    with TestClient(create_app(open_kb, settings, monotonic=time.monotonic)) as client:
        yield client


@pytest.fixture
def changed(serve: Serve, sample_copy: Path) -> TestClient:
    """A service over a copy of the sample that a test may change."""
    return serve(sample_copy)


@pytest.fixture(scope="session")
def question() -> dict[str, Any]:
    """A question that the sample answers."""
    return {
        "workspace_id": "default",
        "strategy_name": "bb_reversal",
        "objective_type": "sharpe",
        "regime": ["uptrend"],
    }
