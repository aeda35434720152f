"""A store with a past, and the dashboard's pages opened on stores of every kind."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import tradingkb as tkb
from tests.made_once import made_once
from tradingkb.testing.busy import fill

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "dashboard" / "app.py"
#: Nobody listens there: whoever connects is refused at once.
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def busy_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store with two strategies and some days of answers; only read it."""

    def make(home: Path) -> None:
        fill(
            lambda replica, clock: tkb.connect(home, replica=replica, clock=clock, progress=False),
            ROOT / "data",
            end=datetime.now(UTC),
            days=3.0,
            answers=120,
            strategies=("bb_reversal", "macd_trend"),
        )

    return made_once(tmp_path_factory, "busy", make)


@pytest.fixture
def busy_home(busy_store: Path, tmp_path: Path) -> Path:
    """A copy of that store, to be changed."""
    return Path(shutil.copytree(busy_store, tmp_path / "busy"))


@pytest.fixture(scope="module", autouse=True)
def _main_program() -> Iterator[None]:
    """Streamlit makes a page the main program, which processes that are spawned later run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Opens a page: `opened("trials", home=..., workspace="default")`, or with `url=` a service.

    Every other keyword is a parameter of the URL. The page has run once, and no other before it.
    """
    with opening(monkeypatch) as open_page:
        yield open_page


@contextmanager
def opening(patch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """What `opened` gives, for as long as a test or a module needs it."""
    for name in ("TRADINGKB_SERVICE_URL", "DATABASE_URL", "QDRANT_URL", "ADMIN_TOKEN"):
        patch.delenv(name, raising=False)
    _forget()

    def open_page(
        name: str, *, home: Path | None = None, url: str | None = None, **query: str
    ) -> AppTest:
        if home is not None:
            patch.setenv("TRADINGKB_HOME", str(home))
        if url is not None:
            patch.setenv("TRADINGKB_SERVICE_URL", url)
        app = AppTest.from_file(str(APP), default_timeout=30)
        for key, value in query.items():
            app.query_params[key] = value
        if name != "overview":
            app.switch_page(f"app_pages/{name}.py")
        return app.run()

    yield open_page
    _forget()


def _forget() -> None:
    """What one test opened is closed, and nothing of it is remembered."""
    st.cache_data.clear()
    st.cache_resource.clear()


def shown(app: AppTest) -> str:
    """All text that a page shows, HTML of ours included."""
    kinds = (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "text",
        "html",
        "code",
        "metric",
    )
    found: list[str] = []
    for kind in kinds:
        for element in app.get(kind):
            found += [str(getattr(element, name, "") or "") for name in ("label", "value", "body")]
            found.append(str(getattr(element.proto, "body", "")))
    return "\n".join(found)
