"""Telling somebody of a failed run: RUNBOOK_ON_FAILURE, a command or a URL."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from tradingkb.masking import masked
from tradingkb.observability import emit
from tradingkb.printable import printable

#: Seconds that whoever is told may take.
PATIENCE_S: Final = 30.0
_LONGEST: Final = 300


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
        why = _short(f"{type(error).__name__}: {error}".replace(target, "RUNBOOK_ON_FAILURE"))
        emit("runbook_failure_untold", run_id=run.get("run_id"), error=why)
        return f"RUNBOOK_ON_FAILURE could not be told: {why}"
    return None


def _post(url: str, body: bytes, patience_s: float) -> None:
    request = Request(url, body, {"Content-Type": "application/json"}, method="POST")
    try:
        with urlopen(request, timeout=patience_s) as answer:
            answer.read(1)
    except URLError as error:
        raise RuntimeError(getattr(error, "reason", error)) from None


def _call(command: str, body: bytes, patience_s: float) -> None:
    words = shlex.split(command)
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            _, said = process.communicate(body, timeout=patience_s)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise RuntimeError(f"no end within {patience_s:g} s") from None
            raise
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {said.decode('utf-8', 'replace')}")


def _short(text: str) -> str:
    return printable(" ".join(masked(text).split()))[:_LONGEST]
