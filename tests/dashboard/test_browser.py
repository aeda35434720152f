"""The dashboard as its users have it: a server of its own, and chromium before it."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import expect

from dashboard.shared.data import FRESH_S
from tests.dashboard.served import (
    CHROMIUM,
    Seen,
    browser,
    free_port,
    served,
    settle,
    watched,
    window,
)
from tests.service.process import Command

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-secret-token"
#: Seconds between two refreshes: of a page that somebody types into, very often.
REFRESH_S = 0.05
REFRESHES = 20
#: Others are opened by what is tested of them, under the same watch.
PAGES = ("Filter rejections", "Breakers and retries", "Overview")
QUESTION = "strategy_name=macd_trend&symbol=AAPL&timeframe=1d&market=Stated&tags=uptrend"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed: `make system` installs it"
)


@pytest.fixture(scope="module")
def home(busy_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(busy_store, tmp_path_factory.mktemp("browser") / "busy"))


@pytest.fixture(scope="module")
def base(home: Path) -> Iterator[str]:
    with served({"TRADINGKB_HOME": str(home), "ADMIN_TOKEN": TOKEN}) as address:
        yield address


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def shared(opened: Any, base: str) -> tuple[Any, Seen]:
    """One tab: what the dashboard consists of is loaded and compiled once."""
    return watched(window(opened), base)


@pytest.fixture
def tab(shared: tuple[Any, Seen]) -> Iterator[tuple[Any, Seen]]:
    """The tab, and what it does wrong; at the end it has done nothing."""
    page, seen = shared
    yield page, seen
    page.goto("about:blank")
    found = (seen.errors[:], seen.outside[:])
    seen.errors.clear()
    seen.outside.clear()
    assert found == ([], [])


def test_a_page_opens_without_an_error_or_a_request_to_anybody_else(tab, base):
    page, _ = tab
    page.goto(f"{base}/")
    settle(page)
    for name in PAGES:
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        settle(page)
        assert page.locator('[data-testid="stException"]').count() == 0


def test_a_pasted_link_shows_the_same_answer_in_another_browser(tab, base, opened):
    page, _ = tab
    page.goto(f"{base}/recommend?{QUESTION}")
    here = _answered(page)
    other = window(opened)
    again = other.new_page()
    again.goto(page.url)
    there = _answered(again)
    other.close()
    assert "Expected sharpe per window" in here
    assert there == here


def _answered(page: Any) -> str:
    """What the page says, once its last line is there: the answer, up to its first chart."""
    page.get_by_text(re.compile("^Request ")).wait_for()
    text = str(page.locator('[data-testid="stMain"]').inner_text())
    found = re.search(r"\nmacd_trend\n.*?(?=\nEvidence\n)", text, re.DOTALL)
    return " ".join(found[0].split()) if found else text


def test_back_gives_back_what_was_asked(tab, base):
    page, _ = tab
    page.goto(f"{base}/recommend?{QUESTION}")
    settle(page)
    page.get_by_role("link", name="Trials", exact=True).click()
    settle(page)
    assert "symbol=AAPL" not in page.url
    page.go_back()
    expect(page.get_by_label("Symbol", exact=True)).to_have_value("AAPL")
    expect(page).to_have_url(re.compile("symbol=AAPL"))


def test_bars_are_uploaded_measured_and_answered(tab, base, tmp_path):
    page, _ = tab
    bars = tmp_path / "AAPL_1d.csv"
    pl.read_parquet(ROOT / "data" / "ohlcv" / "AAPL_1d.parquet").tail(400).write_csv(bars)
    page.goto(f"{base}/recommend?strategy_name=macd_trend&market=Upload")
    settle(page)
    page.locator('input[type="file"]').set_input_files(bars)
    settle(page)
    page.get_by_role("button", name="Ask").click()
    settle(page)
    text = page.locator('[data-testid="stMain"]').inner_text()
    assert "AAPL 1d" in text
    assert "Expected sharpe per window" in text


def test_a_relaxation_changes_the_form_and_asks_again(tab, base):
    page, _ = tab
    page.goto(f"{base}/recommend?{QUESTION}&max_drawdown=0.0005")
    settle(page)
    status = page.locator('[data-testid="stMain"]')
    expect(status).to_contain_text("NONE", timeout=15_000)
    page.get_by_role("button", name=re.compile("^Try max")).first.click()
    expect(status).not_to_contain_text("NONE", timeout=15_000)
    settle(page)
    assert "max_drawdown=0.0005&" not in f"{page.url}&"


def test_a_trial_is_promoted_with_the_right_token_alone(tab, base, home):
    import tradingkb as tkb

    page, _ = tab
    page.goto(f"{base}/trials?strategy_name=macd_trend&tab=All+trials")
    settle(page)
    grid = page.locator('[data-testid="stDataFrame"]').first
    box = grid.bounding_box()
    page.mouse.click(box["x"] + 20, box["y"] + 53)
    settle(page)

    page.get_by_role("radio", name="Promote").click()

    def ask(token: str) -> str:
        page.get_by_label("Reason", exact=True).fill("ran live for a quarter")
        page.get_by_label("Admin token", exact=True).fill(token)
        page.get_by_role("button", name="Show what it would do").click()
        settle(page)
        return str(page.locator('[data-testid="stMain"]').inner_text())

    def promoted() -> int:
        with tkb.connect(home, progress=False) as kb:
            return kb.trials(strategy_name="macd_trend", kb_status="promoted").height

    before = promoted()
    assert "token" in ask("the-wrong-token").lower()
    assert page.get_by_role("button", name=re.compile("^Promote 1")).count() == 0
    assert "Nothing is written yet" in ask(TOKEN)
    assert promoted() == before
    page.get_by_role("button", name=re.compile("^Promote 1")).click()
    settle(page)
    assert promoted() == before + 1
    assert TOKEN not in page.url


def test_a_dry_run_is_started_watched_and_its_report_read_where_it_reaches_nothing(tab, base):
    page, _ = tab
    page.goto(f"{base}/runbooks?runbook=06_trial_ingestion")
    page.get_by_label("Admin token", exact=True).fill(TOKEN)
    page.get_by_role("button", name="Dry run").click()
    main = page.locator('[data-testid="stMain"]')
    expect(main).to_contain_text("It runs in a process of its own", timeout=30_000)
    ended = re.compile("06_trial_ingestion, a dry run: (nothing to do|needs a decision)")
    expect(main).to_contain_text(ended, timeout=120_000)
    assert "run=" in page.url
    assert TOKEN not in page.url
    page.get_by_text("Show the report").click()
    frame = page.frame_locator('iframe[title^="Report of"]').frame_locator("iframe")
    expect(frame.locator("body")).to_contain_text("Trial ingestion", timeout=60_000)
    assert frame.locator("body").evaluate("() => window.origin") == "null"


def test_what_somebody_types_survives_twenty_refreshes(opened, home):
    env = {"TRADINGKB_HOME": str(home), "TRADINGKB_DASHBOARD_REFRESH_S": str(REFRESH_S)}
    with served(env) as base:
        context = window(opened)
        page, seen = watched(context, base)
        asked: list[int] = []
        page.on("websocket", lambda s: s.on("framesent", lambda _: asked.append(1)))
        page.goto(f"{base}/breakers")
        settle(page)
        # What is typed stays in the field: nothing runs before it is left.
        field = page.locator('[data-testid="stSidebar"] input').first
        field.click()
        field.press_sequentially("def")
        _refreshed(page, asked, REFRESHES)
        assert field.input_value() == "def"
        context.close()
    assert seen.errors == []


def _refreshed(page: Any, asked: list[int], times: int) -> None:
    """Waits until a page has asked for so many refreshes more."""
    goal, until = len(asked) + times, time.monotonic() + 120
    while len(asked) < goal and time.monotonic() < until:
        page.wait_for_timeout(200)
    assert len(asked) >= goal


def test_a_form_outlives_an_outage_and_the_page_comes_back_by_itself(opened, home, tmp_path):
    def start() -> Command:
        return Command(tmp_path, "serve", "--port", str(port), TRADINGKB_HOME=str(home))

    port, refresh = free_port(), {"TRADINGKB_DASHBOARD_REFRESH_S": "1"}
    service = start()
    try:
        with served({"TRADINGKB_SERVICE_URL": f"http://127.0.0.1:{port}", **refresh}) as base:
            context = window(opened)
            page, seen = watched(context, base)
            page.goto(f"{base}/recommend?{QUESTION}")
            page.get_by_label("Symbol", exact=True).wait_for(timeout=60_000)
            service.send(signal.SIGTERM)
            service.wait(30)
            gone = page.get_by_text("does not answer").first
            # Answers are kept until their time is over: until then the form stands.
            page.wait_for_timeout((FRESH_S - time.time() % FRESH_S) * 1000)
            for _ in range(40):
                if gone.count():
                    break
                page.keyboard.press("r")  # Streamlit's key that runs the page
                page.wait_for_timeout(1500)
            gone.wait_for()
            service = start()
            page.get_by_label("Symbol", exact=True).first.wait_for(timeout=60_000)
            settle(page)
            # While a page is drawn anew the elements of the one before may stand beside its own.
            assert page.get_by_label("Symbol", exact=True).first.input_value() == "AAPL"
            assert "symbol=AAPL" in page.url
            context.close()
    finally:
        service.send(signal.SIGTERM)
        service.wait(30)
    assert seen.errors == []
