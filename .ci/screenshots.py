"""Writes a picture of every page of the dashboard, and says what is wrong with any of them.

Each page in light and dark, 1440 and 800 wide, with data, with an empty store and with a service
that does not answer. A page with an error box, with something wider than the window, with an error
in the browser's console or with a request to anybody else is named, and the exit code is 1.

    python .ci/screenshots.py [--out FOLDER] [--only overview,trials] [--states data] [--readme]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import tradingkb as tkb  # noqa: E402
from tests.dashboard.served import CHROMIUM, browser, served, settle, watched  # noqa: E402
from tests.noted import run_of  # noqa: E402
from tradingkb.testing.busy import fill  # noqa: E402

#: What the page of recommendations is asked.
_QUESTION: Final = "strategy_name=macd_trend&symbol=AAPL&timeframe=1d&market=Stated&tags=uptrend"
#: Page to its path and to what it is asked in the state with data.
PAGES: Final = {
    "overview": ("/", "range=24h"),
    "rejections": ("/rejections", "range=7d"),
    "recommend": ("/recommend", _QUESTION),
    "trials": ("/trials", "strategy_name=bb_reversal"),
    "breakers": ("/breakers", "range=24h"),
    "runbooks": ("/runbooks", "runbook=06_trial_ingestion&run=pictured"),
}
#: Pages that the README shows.
SHOWN: Final = ("overview", "trials")
STATES: Final = ("data", "empty", "stopped")
WIDTHS: Final = (1440, 800)
#: Nobody listens there.
_NOBODY: Final = "http://127.0.0.1:9"
_TALLEST: Final = 6000
_README_WIDTH: Final = 1440
_README_HEIGHT: Final = 1250
_OVERFLOW: Final = """() => [...document.querySelectorAll('[data-testid="stMain"], body')]
    .map(e => e.scrollWidth - e.clientWidth).reduce((a, b) => Math.max(a, b), 0)"""
_HEIGHT: Final = """() => { const e = document.querySelector('[data-testid="stMain"]');
    return e ? e.scrollHeight : document.body.scrollHeight; }"""


@contextmanager
def stores() -> Iterator[dict[str, dict[str, str]]]:
    """State to the variables with which the dashboard is in it."""
    with tempfile.TemporaryDirectory() as folder:
        busy, empty = Path(folder, "busy"), Path(folder, "empty")
        fill(
            lambda replica, clock: tkb.connect(busy, replica=replica, clock=clock, progress=False),
            ROOT / "data",
            end=datetime.now(UTC),
        )
        with tkb.connect(busy, progress=False) as kb:
            run = run_of(run_id="pictured", runbook="06_trial_ingestion")
            kb.use_cases.store.add_runbook_run(run)
        tkb.connect(empty).close()
        yield {
            "data": {"TRADINGKB_HOME": str(busy), "ADMIN_TOKEN": "a-secret-token"},
            "empty": {"TRADINGKB_HOME": str(empty)},
            "stopped": {"TRADINGKB_SERVICE_URL": _NOBODY},
        }


def take(
    opened: Any, base: str, name: str, state: str, theme: str, width: int, path: Path
) -> list[str]:
    """Takes one picture; what is wrong with the page."""
    place, query = PAGES[name]
    context = opened.new_context(
        color_scheme=theme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    page, seen = watched(context, base)
    page.goto(f"{base}{place}" + (f"?{query}" if query and state == "data" else ""))
    settle(page)
    tall = min(max(int(page.evaluate(_HEIGHT)), 700), _TALLEST)
    page.set_viewport_size({"width": width, "height": tall})
    settle(page)
    wide = int(page.evaluate(_OVERFLOW))
    boxes = page.locator('[data-testid="stException"]').count()
    page.screenshot(path=path)
    context.close()
    wrong = [f"console: {text[:300]}" for text in seen.errors]
    wrong += [f"asked {url[:120]}" for url in seen.outside]
    wrong += [f"{boxes} error boxes"] if boxes else []
    wrong += [f"{wide} pixels wider than the window"] if wide > 1 else []
    return [f"{path.name}: {text}" for text in wrong]


def main() -> int:
    """Takes what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, default=ROOT / "screenshots")
    parser.add_argument("--only", default=",".join(PAGES), help="pages, with commas")
    parser.add_argument("--states", default=",".join(STATES), help="states, with commas")
    parser.add_argument("--readme", action="store_true", help="write the README's pictures instead")
    given = parser.parse_args()
    if CHROMIUM is None:
        print("chromium is not installed: `make system` installs it", file=sys.stderr)
        return 1
    wrong = _readme() if given.readme else _all(given)
    print("\n".join(wrong) or "nothing is wrong with any page")
    return 1 if wrong else 0


def _all(given: argparse.Namespace) -> list[str]:
    given.out.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    with stores() as states, browser() as opened:
        for state in given.states.split(","):
            with served(states[state]) as base:
                for name in given.only.split(","):
                    for theme in ("light", "dark"):
                        for width in WIDTHS:
                            path = given.out / f"{name}-{state}-{theme}-{width}.png"
                            wrong += take(opened, base, name, state, theme, width, path)
                            print(os.path.relpath(path))
    return wrong


def _readme() -> list[str]:
    folder = ROOT / "notebooks" / "reference" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    with stores() as states, browser() as opened, served(states["data"]) as base:
        for name in SHOWN:
            path = folder / f"dashboard_{name}.png"
            wrong += take(opened, base, name, "data", "light", _README_WIDTH, path)
            _shrink(path)
            print(f"{os.path.relpath(path)}: {path.stat().st_size / 1000:.0f} kB")
    return wrong


def _shrink(path: Path) -> None:
    """Cuts a picture to what a reader of the README looks at, in as many colours as it needs."""
    with Image.open(path) as whole:
        top = whole.crop((0, 0, whole.width, min(whole.height, _README_HEIGHT)))
    top.convert("RGB").quantize(colors=192).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
