"""Every command of the operating procedures is tried as its page says, in the order of the page.

What needs Docker is looked up in compose.yaml instead; `tests/deploy` has more about that.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import stamina
from fastapi.testclient import TestClient

import tradingkb as tkb
from tests.moved import DATA
from tradingkb.ingest import IngestConfig, KBTrialIngester
from tradingkb.observability import configure_logging
from tradingkb.service import create_app
from tradingkb.service.sentry import _FLAGS, _TAGS
from tradingkb.settings import Settings, load_settings
from tradingkb.sql.engine import open_engine
from tradingkb.testing.ollama_server import OllamaServer
from tradingkb.testing.qdrant_server import QdrantServer

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "notebooks" / "reference" / "mission_commands.md").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SERVICES = set(re.findall(r"^  ([a-z-]+):$", COMPOSE.partition("\nservices:")[2], re.MULTILINE))
VERDICTS = {"as written", "in ops", "otherwise"}
TOKEN, SPACE = "a-secret-token", "trading"
#: What a reader puts in; a job's id and a snapshot's are known when they are there.
PLACES = {"YOUR_WORKSPACE_ID": SPACE, '"..."': f'"{SPACE}"', "$ADMIN_TOKEN": TOKEN}
FIRST, SECOND = "kb_nomic_embed_text_v1", "kb_mxbai_embed_large_v1"


@dataclass(frozen=True)
class Row:
    """A command, what the page says of it, and what to know."""

    command: str
    verdict: str
    note: str


def rows() -> list[Row]:
    found = []
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            command, verdict, note = (
                c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line)[1:4]
            )
            found.append(Row(command.strip("`"), verdict, note))
    return found


ROWS = rows()


@dataclass
class Walk:
    """A service with its servers, and the answer to each command by its place on the page.

    Attributes:
        folder: the working folder of the service; its .env is there.
        qdrant: address of Qdrant.
        server: Qdrant's protocol, where it is not a real server.
        ollama: Ollama's protocol.
        log: what the service has logged.
        answers: what was answered, by row.
        jq: what jq made of it, by row; empty where there is no jq.
    """

    folder: Path
    qdrant: str
    server: QdrantServer | None
    ollama: OllamaServer
    log: io.StringIO
    client: TestClient | None = None
    snapshot: str = ""
    point: str = ""
    answers: dict[int, Any] = field(default_factory=dict)
    jq: dict[int, list[Any]] = field(default_factory=dict)

    def start(self) -> None:
        settings = load_settings()
        open_kb = partial(tkb.connect, settings=settings, progress=False)
        self.client = TestClient(create_app(open_kb, settings, monotonic=time.monotonic))
        self.client.__enter__()

    def stop(self) -> None:
        if self.client is not None:
            self.client.__exit__(None, None, None)
            self.client = None

    def configure(self, **said: Any) -> None:
        """Edits .env."""
        path = self.folder / ".env"
        lines = path.read_text().splitlines() if path.exists() else []
        known = dict(line.split("=", 1) for line in lines) | {k: str(v) for k, v in said.items()}
        path.write_text("".join(f"{name}={value}\n" for name, value in known.items()))

    # each kind of command

    def run(self, n: int, row: Row) -> None:
        """Does what a command does, and keeps what it says."""
        command = row.command
        if "http://" in command and command.startswith("curl"):
            self.ask(n, command)
        elif command.startswith("docker compose logs"):
            self.prepare_log(command)
            (_, _, pattern) = command.partition("| ")
            self.answers[n] = piped(shlex.split(pattern), self.log.getvalue())
        elif command.startswith("docker exec ollama ollama pull"):
            body = {"model": command.split()[-1]}
            said = httpx.post(f"{self.ollama.url}/api/pull", json=body).text.splitlines()
            self.answers[n] = json.loads(said[-1])["status"]
        elif command == "docker compose restart trading-rag-svc":
            self.stop()
            self.start()
            self.answers[n] = "restarted"
        elif command.startswith("EMBED_MODEL="):
            self.configure(**dict(pair.split("=", 1) for pair in command.split()))
            self.answers[n] = "written"
        elif command.startswith("UPDATE workspaces"):
            self.answers[n] = self.sql(re.sub(r",\s*config = .*?::jsonb", "", command))
        elif command.startswith("SELECT"):
            self.answers[n] = self.sql(command)

    def ask(self, n: int, command: str) -> None:
        for name, value in {**PLACES, "SNAPSHOT_NAME": self.snapshot}.items():
            command = command.replace(name, value)
        command = command.replace("<point_id_from_log>", self.point)
        call, _, pipe = command.partition(" | jq ")
        method, url, headers, body = request(call.replace("http://qdrant:6333", self.qdrant))
        if "localhost:8000" in url:
            assert self.client is not None
            path = url.partition("localhost:8000")[2]
            answer: Any = self.client.request(method, path, headers=headers, content=body)
        else:
            answer = httpx.request(method, url, headers=headers, content=body, timeout=30)
        found = answer.json()
        self.answers[n] = answer.status_code, found
        if url.endswith("/snapshots"):
            self.snapshot = found["result"]["name"]
        if url.endswith("/kb/reembed"):
            self.answers[n] = answer.status_code, self.ended(found["job_id"])
        if pipe and shutil.which("jq"):
            lines = piped(["jq", "-c", *shlex.split(pipe)], answer.text)
            self.jq[n] = [json.loads(line) for line in lines]

    def ended(self, job: str) -> Any:
        assert self.client is not None
        until = time.monotonic() + 60
        while time.monotonic() < until:
            found = self.client.get(f"/kb/jobs/{job}").json()
            if found["state"] not in ("queued", "running"):
                return found
            time.sleep(0.02)
        raise AssertionError(found)

    def sql(self, statement: str) -> list[Any]:
        path = self.folder / "home" / "tradingkb.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(statement).fetchall()

    def prepare_log(self, command: str) -> None:
        """Lets happen what the command looks for."""
        assert self.client is not None
        if "kb_recommend_complete" in command:
            wants = {"min_trades": 10**6, "require_oos": True, "max_drawdown": 0.0}
            body = {"workspace_id": SPACE, "strategy_name": "bb_reversal", **wants}
            assert self.client.post("/kb/trials/recommend", json=body).json()["status"] == "none"
        if "kb_archive_qdrant_failed" in command and self.server is not None:
            self.server.fail(500, times=9, path="/points/delete")
            trial = self.client.get(f"/kb/trials?workspace_id={SPACE}&limit=1").json()["trials"][0]
            path = f"/kb/trials/{trial['trial_id']}/archive"
            answer = self.client.post(
                path, json={"workspace_id": SPACE}, headers={"X-Admin-Token": TOKEN}
            )
            assert answer.status_code == 200, answer.text
            self.server.restore()
            (self.point,) = set(re.findall(r"point_id=(\S+)", self.log.getvalue()))


def piped(words: list[str], text: str) -> list[str]:
    """What a program prints of a text; grep ends with 1 where it finds nothing."""
    done = subprocess.run(words, input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0 or (words[0] == "grep" and done.returncode == 1), done.stderr
    return done.stdout.splitlines()


def request(call: str) -> tuple[str, str, dict[str, str], str | None]:
    """Method, address, headers and body of a curl command."""
    words, method, headers, body, url = iter(shlex.split(call)[1:]), "", {}, None, ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(":")
            headers[name] = value.strip()
        elif word == "-d":
            body = next(words)
        elif word != "-s":
            url = word
    return method or "GET", url, headers, body


REAL = os.environ.get("QDRANT_URL")


def test_the_procedures_are_tried_on_a_real_qdrant_too() -> None:
    if not REAL:
        pytest.skip("THE PROCEDURES ARE NOT TRIED ON A REAL QDRANT: set QDRANT_URL")


@pytest.fixture(scope="module", params=["protocol", *(["real"] if REAL else [])])
def walked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walk]:
    """The page, done from the first command to the last."""
    folder = tmp_path_factory.mktemp("mission")
    log = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, QdrantServer() as server, OllamaServer() as ollama:
        for one in Settings.model_fields.values():
            patch.delenv(str(one.alias), raising=False)
        patch.chdir(folder)
        url = REAL if request.param == "real" and REAL else server.url
        walk = Walk(folder, url, server if url == server.url else None, ollama, log)
        _refuse_theirs(walk)
        walk.configure(
            TRADINGKB_HOME=folder / "home",
            QDRANT_URL=url,
            OLLAMA_HOST=ollama.url,
            EMBED_MODEL="nomic-embed-text",
            ADMIN_TOKEN=TOKEN,
            RATE_LIMIT_PER_MINUTE=0,
        )
        logger = logging.getLogger("tradingkb")
        before = (logger.handlers[:], logger.level, logger.propagate)
        patch.setattr("sys.stderr", log)
        configure_logging("INFO", "logfmt")
        stamina.set_testing(True, attempts=2)
        try:
            _fill()
            walk.start()
            for n, row in enumerate(ROWS):
                walk.run(n, row)
            yield walk
        finally:
            walk.stop()
            stamina.set_testing(False)
            logger.handlers[:], logger.level, logger.propagate = before
            for name in (FIRST, SECOND):
                httpx.delete(f"{url}/collections/{name}")


def _refuse_theirs(walk: Walk) -> None:
    """On a real server collections of these names may be somebody's."""
    for name in (FIRST, SECOND):
        if httpx.get(f"{walk.qdrant}/collections/{name}").status_code == 200:
            pytest.skip(f"THE PROCEDURES ARE NOT TRIED: Qdrant holds {name}, which they delete")


def _fill() -> None:
    place = pl.col("source_id").str.split(":")
    trials = pl.read_parquet(DATA / "trials.parquet").filter(
        (pl.col("symbol") == "GOOG") & (pl.col("strategy_name") == "bb_reversal"),
        place.list.get(4).cast(pl.Int32) < 3,
    )
    with tkb.connect(progress=False) as kb:
        kb.create_workspace(SPACE)
        kb.register_strategy(DATA / "strategies" / "bb_reversal.toml", SPACE)
        kb.ingest(trials, SPACE, ohlcv=DATA / "ohlcv" / "GOOG_1d.parquet")


def asked(walked: Walk, *parts: str) -> list[Any]:
    """The answers to the commands that hold all of these."""
    return [walked.answers[n] for n, row in enumerate(ROWS) if all(p in row.command for p in parts)]


def through_jq(walked: Walk, *parts: str) -> list[Any]:
    if not shutil.which("jq"):
        pytest.skip("WHAT JQ MAKES OF ANSWERS IS NOT TRIED: no jq")
    return [walked.jq[n] for n, row in enumerate(ROWS) if all(p in row.command for p in parts)]


# --- what the page says ---------------------------------------------------------------------------


def test_every_row_has_a_verdict_and_another_way_where_it_says_otherwise() -> None:
    assert len(ROWS) == 63
    assert {row.verdict for row in ROWS} == VERDICTS
    for row in ROWS:
        assert row.verdict != "otherwise" or row.note, row
        assert (row.verdict == "in ops") == ("http://qdrant:6333" in row.command), row


def test_every_service_that_docker_is_told_of_is_in_the_compose_file() -> None:
    for row in ROWS:
        if row.command.startswith("docker compose"):
            (name,) = {w.partition("=")[0] for w in row.command.split() if w.startswith("trading")}
            assert (name in SERVICES) == (name == "trading-rag-svc"), row
    assert "container_name: ollama" in COMPOSE
    assert "${TRADINGKB_IMAGE_TAG:" in COMPOSE
    assert "ops" in SERVICES


def test_the_settings_of_the_page_are_settings() -> None:
    for row in ROWS:
        names = re.findall(r"\b([A-Z][A-Z_]+)=", row.command)
        assert set(names) <= {str(f.alias) for f in Settings.model_fields.values()}


def test_tags_of_sentry_are_those_that_are_sent() -> None:
    named = {n for row in ROWS for n in re.findall(r"(?:tag|has):(\w+)", row.command)}
    assert named == {"kb_status", "strategy", "strict_to_relaxed"}
    assert named <= {*_TAGS, *_FLAGS}


def test_the_rules_of_the_page_are_among_the_alerts() -> None:
    alerts = (ROOT / "data" / "monitoring" / "alerts.yaml").read_text(encoding="utf-8")
    rules = [row.command for row in ROWS if re.search(r"\) > |_state > ", row.command)]
    assert len(rules) == 2
    assert [rule for rule in rules if f"expr: {rule}\n" not in alerts] == []


# --- what the commands do -------------------------------------------------------------------------


def test_every_command_that_asks_a_server_is_answered(walked: Walk) -> None:
    answers = {ROWS[n].command: a for n, a in walked.answers.items() if isinstance(a, tuple)}
    bad = {c: a for c, a in answers.items() if a[0] not in (200, 202)}
    assert bad == {}


def test_a_rebuild_ends_with_a_collection_that_is_complete(walked: Walk) -> None:
    (before, after) = asked(walked, "/ready | jq ."), asked(walked, "/kb/reembed")
    assert [found["ready"] for _, found in before] == [True] * len(before)
    assert [job["state"] for _, job in after] == ["succeeded"] * 2
    made = walked.answers[[row.command for row in ROWS].index(PUT)]
    assert made == (200, {**made[1], "result": True, "status": "ok"})
    described = httpx.get(f"{walked.qdrant}/collections/{FIRST}").json()["result"]
    assert described["payload_schema"], "no payload index on a collection made by hand"
    assert asked(walked, "snapshots/recover")[0][1]["result"] is True


def test_a_qdrant_with_a_key_needs_it_in_the_body_of_a_recovery_too() -> None:
    row = next(row.command for row in ROWS if "snapshots/recover" in row.command)
    path = request(row)[1].removeprefix("http://qdrant:6333")
    with QdrantServer(api_key="k3y") as server, httpx.Client(headers={"api-key": "k3y"}) as client:
        of = f"{server.url}{path.removesuffix('/snapshots/recover')}"
        client.put(of, json={"vectors": {"size": 4, "distance": "Cosine"}})
        name = client.post(f"{of}/snapshots").json()["result"]["name"]
        asked = {"location": f"{of}/snapshots/{name}"}
        statuses = [
            client.put(f"{server.url}{path}", json=asked | more).status_code
            for more in ({}, {"api_key": "k3y"})
        ]
    assert statuses == [400, 200]
    assert '`"api_key"` in its body' in PAGE


PUT = next(r.command for r in ROWS if r.command.startswith("curl -X PUT") and FIRST in r.command)


def test_a_rotation_ends_with_the_new_model_in_force(walked: Walk) -> None:
    (found,) = through_jq(walked, ".embed_model, .active_collection")
    assert found == ["mxbai-embed-large", SECOND]
    assert asked(walked, "ollama ollama pull") == ["success", "success"]
    with tkb.connect(progress=False) as kb:
        table = kb.workspaces().filter(pl.col("slug") == SPACE)
        assert table.select("embed_model", "collection").row(0) == ("mxbai-embed-large", SECOND)


def test_answers_say_why_and_how_they_were_relaxed(walked: Walk) -> None:
    (found,) = through_jq(walked, "mode=debug")
    assert {"filter", "fails", "fails_only"} <= set(found[0][0])
    assert isinstance(found[1], list)
    ((_, relaxed),) = asked(walked, '"min_trades": 3')
    assert relaxed["filters"]["min_trades"] == 3
    status, confidence = through_jq(walked, ".status, .confidence")[0]
    assert (status, confidence) == ("degraded", None)


def test_health_tells_of_the_circuit_breakers(walked: Walk) -> None:
    assert through_jq(walked, "jq .status") == [["ok"]]
    assert through_jq(walked, "jq .ready") == [[True]]
    assert set(through_jq(walked, "jq '.circuit_breakers'")[0][0]) == {
        *("supabase", "qdrant", "ollama")
    }
    assert through_jq(walked, "to_entries") == [[]]


def test_the_log_has_what_the_commands_look_for(walked: Walk) -> None:
    for n, row in enumerate(ROWS):
        if row.command.startswith("docker compose logs") and walked.server is not None:
            assert walked.answers[n], row.command
    none = asked(walked, "grep kb_recommend_complete")[0]
    assert any("status=none" in line and "after_relaxed=0" in line for line in none)
    assert asked(walked, "grep -c kb_recommend_start")[0] != ["0"]


def test_what_could_not_be_deleted_is_found_and_deleted(walked: Walk) -> None:
    if walked.server is None:
        pytest.skip("a real server cannot be told to fail")
    (found,) = asked(walked, "SELECT id, reason")
    assert found, "of the old collection and of the new one"
    assert all("qdrant_delete_failed" in reason and at for _, reason, at in found)
    body = {"ids": [walked.point]}
    found = httpx.post(f"{walked.qdrant}/collections/kb_trials/points", json=body).json()
    assert found["result"] == []


def test_the_metrics_of_the_page_are_served(walked: Walk) -> None:
    assert walked.client is not None
    served = walked.client.get("/metrics").text
    asked_for = [row for row in ROWS if "{service=" in row.command]
    assert len(asked_for) == 6
    for row in asked_for:
        name, _, labels = row.command.partition("{")
        for service in re.findall(r"\w+", labels.partition("=")[2]):
            assert f'{name}{{service="{service}"}}' in served


# --- what is otherwise, and elsewhere -------------------------------------------------------------


async def _dry_run(kb: tkb.KnowledgeBase) -> Any:
    config = IngestConfig(dry_run=True)
    ingester = KBTrialIngester(kb, config=config)
    return await ingester.ingest_workspace(SPACE)


def test_the_ingester_of_the_page_counts_what_would_happen(walked: Walk) -> None:
    import asyncio

    with tkb.connect(progress=False) as kb:
        result = asyncio.run(_dry_run(kb))
    assert (result.inserted, result.updated) == (0, 0)
    assert result.skipped + result.unarchived == 39


def test_the_sql_of_the_page_runs_on_postgresql_as_written(
    postgres_module_database: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"database_url": postgres_module_database}
    with tkb.connect(tmp_path / "home", progress=False, **settings) as kb:
        kb.create_workspace(SPACE)
    engine = open_engine(postgres_module_database)
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        for row in ROWS:
            if row.command.startswith(("UPDATE", "SELECT")):
                cursor.execute(row.command)
        connection.commit()
    engine.dispose()
    with tkb.connect(tmp_path / "home", progress=False, **settings) as kb:
        found = kb.workspaces().filter(pl.col("slug") == SPACE)
        assert found.select("embed_model", "collection").row(0) == ("mxbai-embed-large", SECOND)
        space = kb.use_cases.workspaces.find(SPACE)
    assert space.config == {"chunking": {"embed_model": "mxbai-embed-large"}}
