"""The dashboard as its users have it: a process of its own, and a browser before it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: A browser that asks nobody but the page.
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_CLEARED = ("TRADINGKB_SERVICE_URL", "TRADINGKB_HOME", "DATABASE_URL", "QDRANT_URL", "ADMIN_TOKEN")


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Served(str):
    """The address of a dashboard that runs, and the number of its process."""

    pid: int

    def __new__(cls, address: str, pid: int) -> Served:
        """Takes both."""
        found = super().__new__(cls, address)
        found.pid = pid
        return found


@contextmanager
def served(env: Mapping[str, str]) -> Iterator[Served]:
    """Runs the dashboard with these variables."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if name not in _CLEARED}
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "dashboard/app.py",
        "--server.port",
        str(port),
    ]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            command, cwd=ROOT, env={**kept, **env}, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield Served(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(url: str, process: subprocess.Popen[bytes], log: IO[str], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            log.seek(0)
            raise RuntimeError(f"the dashboard ended: {log.read()}")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer within {seconds:g} s")


@dataclass
class Seen:
    """What a page did that it should not have done.

    Attributes:
        errors: what the console said, and exceptions of scripts.
        outside: addresses that are not the dashboard's.
    """

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's chromium, headless."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
        try:
            yield found
        finally:
            found.close()


def window(browser: Any) -> Any:
    """A window of a browser. Nothing moves in it: that took half of the processor's time."""
    return browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")


def watched(context: Any, base: str) -> tuple[Any, Seen]:
    """A new page of a browser's context, and what it does wrong from now on."""
    page, seen = context.new_page(), Seen()

    def console(message: Any) -> None:
        # Streamlit probes two addresses per page, and looks there in vain by design.
        if message.type == "error" and "_stcore" not in str(message.location.get("url", "")):
            seen.errors.append(message.text)

    def request(asked: Any) -> None:
        if not asked.url.startswith((base, base.replace("http", "ws", 1), "data:", "blob:")):
            seen.outside.append(asked.url)

    page.on("console", console)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", request)
    return page, seen


def settle(page: Any, seconds: float = 30.0) -> None:
    """Waits until the page has run to its end and its charts are drawn."""
    page.wait_for_selector('[data-testid="stApp"]', timeout=seconds * 1000)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=\"stApp\"]')"
        ".getAttribute('data-test-script-state') === 'notRunning'",
        timeout=seconds * 1000,
    )
    page.wait_for_timeout(700)
