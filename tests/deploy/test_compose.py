"""compose.yaml: what docker compose would refuse, and what it promises whoever runs it."""

from __future__ import annotations

import copy
import functools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.composed import (
    FILLED,
    ROOT,
    TEXT,
    MissingError,
    asked,
    composed,
    environment,
    filled,
    seconds,
    service,
)
from tradingkb.settings import Settings, load_settings

try:
    from compose_spec import PyCompose
except ImportError:  # a wheel for Linux on x86_64
    PyCompose = None

SERVICES = composed()["services"]
#: Images that are built here, as many times as they are.
BUILT = [one["image"] for one in SERVICES.values() if "build" in one]
SETTINGS = {str(field.alias) for field in Settings.model_fields.values()}
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
PROXY = (ROOT / "data" / "proxy" / "haproxy.cfg").read_text(encoding="utf-8")
#: Services and containers that operating procedures and pages name.
NAMED = {
    "trading-rag-svc",
    "qdrant",
    "ollama",
    "postgres",
    "redis",
    "proxy",
    "dashboard",
    "scheduler",
    "ops",
    "prometheus",
}
#: Services that are this package.
OURS = ("trading-rag-svc", "dashboard", "scheduler", "ops")
#: Variables of images that are not ours, and of programs in ours.
OTHERS = {
    "dashboard": {"HOME"},
    "scheduler": {"HOME"},
    "ops": {"HOME", "PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD"},
    "postgres": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"},
    "qdrant": {"QDRANT_INIT_FILE_PATH", "QDRANT__TELEMETRY_DISABLED", "QDRANT__SERVICE__API_KEY"},
    "ollama": {"HOME", "OLLAMA_HOST"},
    "redis": {"REDISCLI_AUTH"},
}
#: Variables that compose.yaml alone reads.
OF_COMPOSE = {
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "TRADINGKB_ENV_GID",
    "TRADINGKB_REPLICAS",
    "TRADINGKB_IMAGE",
    "TRADINGKB_IMAGE_TAG",
    "TRADINGKB_PORT",
    "TRADINGKB_DASHBOARD_PORT",
    "TRADINGKB_PROMETHEUS_PORT",
    "QDRANT__SERVICE__API_KEY",
}


def _compose() -> list[str] | None:
    """The words that docker compose is called by, where it is new enough."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]):
            done = subprocess.run(
                [*words, "version", "--short"], capture_output=True, text=True, check=False
            )
            found = re.match(r"v?(\d+)\.(\d+)", done.stdout)
            if done.returncode == 0 and found and tuple(map(int, found.groups())) >= (2, 24):
                return words
    return None


COMPOSE = _compose()
every_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` of whoever runs the tests, and no setting from outside."""
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


# --- as the specification has it ------------------------------------------------------------------


def specified(found: dict[str, Any]) -> None:
    """Checks a file by the specification; ValueError where it breaks it."""
    found = copy.deepcopy(found)
    for one in found["services"].values():
        if isinstance(one.get("image"), str):  # Docker takes a tag beside a digest, the wheel not
            one["image"] = re.sub(r":[^:@/]+@", "@", one["image"])
    PyCompose.from_json(json.dumps(found)).validate()


with_the_wheel = pytest.mark.skipif(
    PyCompose is None, reason="COMPOSE.YAML IS NOT CHECKED BY THE SPECIFICATION: no compose-spec"
)


@with_the_wheel
def test_it_follows_the_specification():
    specified(composed())


@with_the_wheel
@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("proxy.portz", ["1:1"], "portz"),
        ("proxy.ports", ["127.0.0.1:8000:80000"], "80000"),
        ("proxy.ports", ["localhost:8000:8000"], "host ip"),
        ("proxy.depends_on.trading-rag-svc.condition", "service_fine", "service_fine"),
        ("postgres.stop_grace_period", "60 seconds", "duration"),
        ("postgres.healthcheck.intervall", "1s", "intervall"),
        ("postgres.cap_drop", "ALL", "ALL"),
        ("trading-rag-svc.read_only", "yes", "boolean"),
        ("redis.networks", ["nowhere"], "nowhere"),
        ("ops.restart", "sometimes", "sometimes"),
    ],
)
def test_that_check_finds_what_is_wrong(place, value, said):
    *way, last = place.split(".")
    found = composed()
    functools.reduce(dict.__getitem__, way, found["services"])[last] = value
    with pytest.raises(ValueError, match=said):
        specified(found)


@pytest.mark.skipif(
    COMPOSE is None, reason="COMPOSE.YAML IS NOT READ BY DOCKER COMPOSE: none is here"
)
def test_docker_compose_reads_it_as_these_tests_do():
    """It needs no engine for that."""
    given = "".join(f"{name}={value}\n" for name, value in FILLED.items())
    Path(".env").write_text(given, encoding="utf-8")
    for name in ("compose.yaml", "Dockerfile", "data"):
        Path(name).symlink_to(ROOT / name)
    words = ["--profile", "ops", "--profile", "monitoring", "config", "--format", "json"]
    done = subprocess.run([*COMPOSE, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["services"]
    assert set(found) == set(SERVICES)
    for name in SERVICES:
        told = found[name].get("environment") or {}
        values = {key: value for key, value in told.items() if value is not None}
        assert values == environment(name)
        assert found[name]["image"] == service(name)["image"]


def test_what_a_service_names_of_others_is_there():
    """What the wheel does not look at."""
    for name, one in SERVICES.items():
        for other, how in one.get("depends_on", {}).items():
            checked = "healthcheck" in SERVICES[other]
            assert checked or how["condition"] != "service_healthy", name
        assert one.get("network_mode", "service:proxy").removeprefix("service:") in SERVICES


def test_each_volume_is_declared_and_used():
    mounts = [mount for one in SERVICES.values() for mount in one.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if isinstance(mount, str)}
    assert named == set(composed()["volumes"])


def test_a_file_of_the_host_is_there_and_never_made_as_a_folder():
    mounts = [
        mount
        for one in SERVICES.values()
        for mount in one.get("volumes", [])
        if not isinstance(mount, str)
    ]
    assert {mount["source"] for mount in mounts} == {
        "./.env",
        "./data/proxy/haproxy.cfg",
        "./data/monitoring",
        "./data/schedules.toml",
    }
    for mount in mounts:
        assert mount["read_only"]
        assert mount["bind"] == {"create_host_path": False}
        assert mount["source"] == "./.env" or (ROOT / mount["source"]).exists()


# --- names ----------------------------------------------------------------------------------------


def test_the_services_have_the_names_that_procedures_call_them_by():
    assert set(SERVICES) == NAMED
    assert service("ollama")["container_name"] == "ollama"  # docker exec ollama ollama pull ...


def test_a_service_that_may_be_scaled_has_neither_a_port_of_the_host_nor_a_name_of_its_own():
    assert {"ports", "container_name"}.isdisjoint(service("trading-rag-svc"))


def test_how_many_replicas_there_are_is_said_once_for_every_start():
    assert service("trading-rag-svc")["scale"] == 1
    assert service("trading-rag-svc", FILLED | {"TRADINGKB_REPLICAS": "3"})["scale"] == 3


@pytest.mark.parametrize("name", OURS)
def test_a_variable_of_ours_is_a_setting(name):
    of_programs = OTHERS.get(name, set())
    assert set(service(name)["environment"]) - of_programs <= SETTINGS


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_a_variable_of_another_image_is_one_that_it_knows(name):
    assert set(service(name).get("environment", {})) == OTHERS.get(name, set())


def test_the_example_has_every_variable_that_is_asked_for_and_none_that_nobody_reads():
    known = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert asked(TEXT) - known == set()
    assert known - SETTINGS == OF_COMPOSE


def test_the_example_sets_nothing_but_what_is_filled_in():
    assert re.findall(r"^([A-Z_]+)=(.*)", EXAMPLE, re.MULTILINE) == [(name, "") for name in FILLED]


# --- settings -------------------------------------------------------------------------------------


def test_what_is_edited_in_the_file_of_settings_is_not_shadowed():
    """The environment wins over .env, and is as old as the container."""
    assert set(service("trading-rag-svc")["environment"]) == {
        "DATABASE_URL",
        "QDRANT_URL",
        "OLLAMA_HOST",
        "REDIS_URL",
        "RATE_LIMIT_BACKEND",
        "TRADINGKB_DRAIN_S",
        "TRADINGKB_SHUTDOWN_GRACE_S",
    }


def test_the_addresses_of_the_servers_are_settings_that_can_be_used(monkeypatch):
    for name, value in environment("trading-rag-svc").items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.database_url == "postgresql+psycopg://tradingkb:pg0secret@postgres/tradingkb"
    assert settings.redis_url == "redis://:redis0secret@redis:6379/0"
    assert settings.rate_limit_backend == "redis"
    assert settings.embed_model == "regime-v1"  # needs no Ollama: nothing has to be pulled first


def test_a_server_elsewhere_takes_the_place_of_one_here():
    there = FILLED | {
        "DATABASE_URL": "postgresql+psycopg://a:b@there/c",
        "REDIS_URL": "rediss://there",
    }
    found = environment("trading-rag-svc", there)
    assert (found["DATABASE_URL"], found["REDIS_URL"]) == (
        "postgresql+psycopg://a:b@there/c",
        "rediss://there",
    )


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "REDIS_PASSWORD"])
def test_there_is_no_default_password(name):
    without = {key: value for key, value in FILLED.items() if key != name}
    with pytest.raises(MissingError, match=f"{name}: run make up"):
        filled(TEXT, without)


def test_a_token_that_was_not_set_is_not_handed_on_as_an_empty_one():
    assert "TRADINGKB_SERVICE_TOKEN" not in environment("dashboard")
    assert "QDRANT__SERVICE__API_KEY" not in environment("qdrant")
    without = {name: value for name, value in FILLED.items() if name != "ADMIN_TOKEN"}
    assert "ADMIN_TOKEN" not in environment("ops", without)


def test_the_shell_of_operators_has_the_key_that_the_procedures_name():
    assert "QDRANT_API_KEY" not in environment("ops")
    assert environment("ops", FILLED | {"QDRANT_API_KEY": "k3y"})["QDRANT_API_KEY"] == "k3y"


def test_the_dashboard_holds_no_password():
    assert "secret" not in json.dumps(service("dashboard"))
    assert "volumes" not in service("dashboard")


# --- trust ----------------------------------------------------------------------------------------


@every_service
def test_a_service_has_no_more_rights_than_it_needs(name):
    one = service(name)
    user, group = one["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["read_only"] is True
    assert {"privileged", "cap_add", "pid", "ipc", "devices"}.isdisjoint(one)
    assert "/var/run/docker.sock" not in json.dumps(one)


@every_service
def test_a_port_of_the_host_is_open_to_this_machine_alone(name):
    assert all(port.startswith("127.0.0.1:") for port in service(name).get("ports", []))


@every_service
def test_an_image_is_pinned_by_its_digest_or_built_here(name):
    one = SERVICES[name]
    pinned = re.fullmatch(r"[a-z/]+:[\w.-]+@sha256:[0-9a-f]{64}", one["image"])
    assert bool(pinned) != (one["image"] in BUILT)
    if pinned:
        assert "build" not in one


def test_no_image_is_built_twice():
    """Builds run side by side, and of two with one name the second fails: it is there already."""
    assert len(BUILT) == len(set(BUILT))


def test_the_image_that_is_run_is_named_by_one_variable():
    other = FILLED | {"TRADINGKB_IMAGE_TAG": "previous", "TRADINGKB_IMAGE": "registry.example/kb"}
    assert service("trading-rag-svc")["image"] == "tradingkb:current"
    for name in ("trading-rag-svc", "dashboard", "scheduler"):
        assert service(name, other)["image"] == "registry.example/kb:previous"


# --- how they live --------------------------------------------------------------------------------


@every_service
def test_a_service_comes_back_says_how_it_is_and_fills_no_disk(name):
    one = service(name)
    assert one["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    if name == "ops":  # a shell
        assert one["restart"] == "no"
        return
    assert one["restart"] == "unless-stopped"
    check = one["healthcheck"]
    assert seconds(check["timeout"]) < seconds(check["interval"])
    assert check["retries"] * seconds(check["interval"]) <= 90


def test_a_replica_that_is_stopped_has_the_time_that_it_may_take():
    found = environment("trading-rag-svc")
    drain, grace = (float(found[f"TRADINGKB_{n}_S"]) for n in ("DRAIN", "SHUTDOWN_GRACE"))
    # Connections are taken, then requests end, then a job is given back: `service.app` waits twice.
    assert seconds(service("trading-rag-svc")["stop_grace_period"]) > drain + 2 * grace
    looks, takes = (float(re.search(rf"{w} (\d+)s", PROXY)[1]) for w in ("inter", "timeout check"))
    assert drain >= looks + takes  # so long at most the proxy sends requests to it
    assert seconds(service("proxy")["stop_grace_period"]) > float(
        re.search(r"hard-stop-after (\d+)s", PROXY)[1]
    )


def test_the_scheduler_has_the_time_that_its_runs_may_take_to_end():
    found = service("scheduler")
    grace = float(found["command"][found["command"].index("--grace-s") + 1])
    ending = 15  # seconds that kernels have then, as tradingkb.runbooks.schedule.scheduler says
    assert seconds(found["stop_grace_period"]) > grace + ending


def test_the_scheduler_reads_the_schedules_that_are_mounted_and_shares_the_reports():
    found = service("scheduler")
    target = environment("scheduler")["TRADINGKB_SCHEDULES"]
    assert target in [one["target"] for one in found["volumes"] if not isinstance(one, str)]
    assert "home:/var/lib/tradingkb" in found["volumes"]
    assert "home:/var/lib/tradingkb" in service("trading-rag-svc")["volumes"]
    assert found["command"][found["command"].index("--beat-file") + 1] in str(found["healthcheck"])


def test_the_proxy_waits_longer_than_the_service_may_take():
    waits = float(re.search(r"timeout server (\d+)s", PROXY)[1])
    assert waits > load_settings().recommend_deadline_s


def test_the_database_has_a_connection_for_every_replica_that_the_proxy_may_have():
    (most,) = (w for w in service("postgres")["command"] if w.startswith("max_connections="))
    places = re.findall(r"server-template replica (\d+) trading-rag-svc:8000", PROXY)
    assert len(set(places)) == 1
    per_replica = load_settings().threads + 10 + 15  # as notebooks/reference/operations.md says
    assert int(places[0]) * per_replica < int(most.split("=")[1])


def test_nothing_has_to_wait_for_a_replica_that_is_not_ready():
    """/ready says through the proxy what a replica waits for."""
    assert service("proxy")["depends_on"] == {"trading-rag-svc": {"condition": "service_started"}}


def test_prometheus_has_our_rules_and_asks_every_replica():
    found = yaml.safe_load((ROOT / "data" / "monitoring" / "prometheus.yml").read_text("utf-8"))
    assert found["rule_files"] == ["alerts.yaml"]
    (job,) = found["scrape_configs"]
    (discovered,) = job["dns_sd_configs"]
    assert (discovered["names"], discovered["type"], discovered["port"]) == (
        ["trading-rag-svc"],
        "A",
        8000,
    )
