"""Telling somebody of a failed run: RUNBOOK_ON_FAILURE, a command or a URL."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from http.client import InvalidURL
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from tradingkb.masking import masked
from tradingkb.observability import emit
from tradingkb.printable import printable

#: Seconds that whoever is told may take.
PATIENCE_S: Final = 30.0
_LONGEST: Final = 300
_AT_ONCE_S: Final = 1.0


def tell_of_failure(
    target: str | None, run: Mapping[str, Any], patience_s: float = PATIENCE_S
) -> str | None:
    """Gives the JSON of a failed run to a command on stdin, or to a URL as the body of a POST.

    Args:
        target: RUNBOOK_ON_FAILURE; None tells nobody.
        run: JSON-ready, without secrets.
        patience_s: seconds until it is given up.

    Returns:
        What went wrong with telling; None where nothing did. Nothing is raised.
    """
    if not target:
        return None
    body = json.dumps(run).encode()
    try:
        if target.lower().startswith(("http://", "https://")):
            _post(target, body, patience_s)
        else:
            _call(target, body, patience_s)
    except Exception as error:  # the outcome of the run is what counts
        if isinstance(error, _NotStartedError):  # it names the program, which may be all there is
            why = _short(str(error))
        else:
            why = _short(f"{type(error).__name__}: {error}".replace(target, "RUNBOOK_ON_FAILURE"))
        emit("runbook_failure_untold", run_id=run.get("run_id"), error=why)
        return f"RUNBOOK_ON_FAILURE could not be told: {why}"
    return None


def _post(url: str, body: bytes, patience_s: float) -> None:
    try:
        address, headers = _with_credentials(url)
        request = Request(address, body, headers, method="POST")
        with urlopen(request, timeout=patience_s) as answer:
            answer.read(1)
    except URLError as error:
        raise RuntimeError(getattr(error, "reason", error)) from None
    except (ValueError, InvalidURL) as error:  # whose text is a part of the URL
        raise RuntimeError(f"it is no URL ({type(error).__name__})") from None


def _with_credentials(url: str) -> tuple[str, dict[str, str]]:
    """A URL without user and password, which urllib takes for a port, and headers with them."""
    parts = urlsplit(url)
    who, at, place = parts.netloc.rpartition("@")
    headers = {"Content-Type": "application/json"}
    if at:
        user, _, password = who.partition(":")
        pair = f"{unquote(user)}:{unquote(password)}".encode()
        headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
    return urlunsplit(parts._replace(netloc=place)), headers


def _call(command: str, body: bytes, patience_s: float) -> None:
    words, said = shlex.split(command), _Beginning()
    with said.written() as stderr:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as error:
            raise _NotStartedError(_program(words), error) from None
    with process:
        try:
            process.communicate(body, timeout=patience_s)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise RuntimeError(f"no end within {patience_s:g} s") from None
            raise
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {said.text()}")


class _NotStartedError(Exception):
    """A program that the system does not start; its arguments may hold secrets."""

    def __init__(self, program: str, error: OSError) -> None:
        super().__init__(f"{program} cannot be started: {error.strerror or error}")


def _program(words: list[str]) -> str:
    """The program of a command; a mistyped URL is none, and may hold a secret."""
    program = words[0]
    return "it" if "://" in program else repr(program)


class _Beginning:
    """Keeps the beginning of what is written into a pipe, and reads the rest for nobody.

    Whoever prints for ever fills no memory, and what a command leaves running keeps nobody waiting.
    """

    def __init__(self) -> None:
        self._kept = b""
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def written(self) -> Iterator[int]:
        """The end to write to, closed here afterwards."""
        reading, writing = os.pipe()
        self._thread = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._thread.start()
        try:
            yield writing
        finally:
            os.close(writing)

    def text(self) -> str:
        """What was written; of what comes later than at once, nothing."""
        if self._thread is not None:
            self._thread.join(_AT_ONCE_S)
        return self._kept.decode("utf-8", "replace")

    def _read(self, reading: int) -> None:
        with open(reading, "rb", buffering=0) as pipe:
            while part := pipe.read(65_536):
                self._kept += part[: _LONGEST - len(self._kept)]


def _short(text: str) -> str:
    return printable(" ".join(masked(text).split()))[:_LONGEST]
