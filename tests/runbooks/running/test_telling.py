"""Whoever is to be told of a failed run gets its JSON; that this fails hides nothing."""

from __future__ import annotations

import base64
import json
import os
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradingkb.observability import subscribe
from tradingkb.runbooks.running import telling
from tradingkb.runbooks.running.telling import tell_of_failure

RUN = {"run_id": "r", "outcome": "failed", "error": "no ü"}


@pytest.fixture
def events() -> Iterator[list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []
    end = subscribe(lambda name, fields: found.append((name, dict(fields))))
    yield found
    end()


@pytest.fixture
def server() -> Iterator[Any]:
    got, credentials = list[Any](), list[Any]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            credentials.append(self.headers["Authorization"])
            got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(500 if "broken" in self.path else 204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield got, f"http://127.0.0.1:{made.server_port}", credentials
    made.shutdown()
    made.server_close()


def test_a_command_gets_it_on_stdin(tmp_path: Path, events: list[Any]) -> None:
    out = tmp_path / "a file"
    assert tell_of_failure(shlex.join(["tee", str(out)]), RUN) is None
    assert json.loads(out.read_text(encoding="utf-8")) == RUN
    assert events == []


def test_what_a_command_leaves_running_keeps_nobody_waiting(events: list[Any]) -> None:
    assert tell_of_failure("sh -c 'sleep 2 & exit 0'", RUN, patience_s=1) is None
    assert events == []


def test_of_what_a_command_prints_for_ever_the_beginning_is_kept(events: list[Any]) -> None:
    said = telling._Beginning()
    with said.written() as end:
        for _ in range(10):
            os.write(end, b"x" * 65_536)
    assert said.text() == "x" * 300


def test_a_url_gets_it_as_the_body_of_a_post(server: Any, events: list[Any]) -> None:
    got, url, _ = server
    assert tell_of_failure(f"{url}/hook?secret=x", RUN) is None
    assert got == [("/hook?secret=x", "application/json", RUN)]
    assert events == []


def with_secret(url: str) -> str:
    return url.replace("://", "://ann:s%3Aecret@")


def test_user_and_password_of_a_url_are_its_credentials(server: Any, events: list[Any]) -> None:
    got, url, credentials = server
    assert tell_of_failure(f"{with_secret(url)}/hook", RUN) is None
    assert got == [("/hook", "application/json", RUN)]
    assert credentials == ["Basic " + base64.b64encode(b"ann:s:ecret").decode()]
    assert events == []


def test_nobody_is_told_where_nobody_is_named(events: list[Any]) -> None:
    assert tell_of_failure(None, RUN) is None
    assert tell_of_failure("", RUN) is None
    assert events == []


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("no-such-program", "'no-such-program' cannot be started: No such file or directory"),
        ("htps://host/secret", "it cannot be started: No such file or directory"),
    ],
)
def test_a_program_that_cannot_be_started_is_named_and_a_mistyped_url_is_not(
    target: str, why: str, events: list[Any]
) -> None:
    assert tell_of_failure(target, RUN) == f"RUNBOOK_ON_FAILURE could not be told: {why}"
    assert [fields["error"] for _, fields in events] == [why]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (
            "no-such-command-anywhere secret",
            "'no-such-command-anywhere' cannot be started: No such",
        ),
        ("sh -c 'echo it broke >&2; exit 3'", "exit code 3: it broke"),
        ("'unfinished", "No closing quotation"),
        (f"{shlex.quote(sys.executable)} -c 'import time; time.sleep(60)'", "no end within 0.3 s"),
        ("{url}/broken/secret", "Internal Server Error"),
        ("http://127.0.0.1:1/secret", "Connection refused"),
        ("http://[broken/secret", "it is no URL (ValueError)"),
        ("http://ann:se/cret@host/hook", "it is no URL (InvalidURL)"),
        ("http://127.0.0.1:1/a secret", "it is no URL (InvalidURL)"),
        ("{secretly}/broken", "Internal Server Error"),
    ],
)
def test_what_goes_wrong_with_it_is_said_and_logged_without_the_secrets_of_a_url(
    target: str, why: str, server: Any, events: list[Any]
) -> None:
    url = server[1]
    target = target.replace("{url}", url).replace("{secretly}", with_secret(url))
    told = tell_of_failure(target, RUN, patience_s=0.3)
    assert told is not None
    assert why in told
    assert "secret" not in told
    assert "cret@" not in told
    ((name, fields),) = events
    assert (name, fields["run_id"]) == ("runbook_failure_untold", "r")
    assert why in fields["error"]
