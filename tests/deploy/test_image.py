"""The Dockerfile: what goes into the image, and what its parts do."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.composed import ROOT, service
from tradingkb import __version__

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("image_lock", ROOT / ".ci" / "image_lock.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


LOCKING = _module()


def instructions(text: str = TEXT) -> list[tuple[str, str, str]]:
    """Stage, instruction and argument of each line, continued ones joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    stage, found = "", []
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stage = rest.split(" AS ")[1]
        if word:
            found.append((stage, word, " ".join(rest.split())))
    return found


def of(word: str, stage: str | None = None) -> list[str]:
    """The arguments of one instruction."""
    return [rest for s, w, rest in instructions() if w == word and stage in (None, s)]


def kept(path: str) -> bool:
    """Whether docker build sees a path: the last line that fits decides."""
    ways = [path, *(parent.as_posix() for parent in Path(path).parents if parent.name)]
    seen = True
    for line in IGNORED:
        pattern = line.removeprefix("!")
        forms = [pattern, pattern.removeprefix("**/")]
        if any(fnmatch.fnmatch(way, form) for way in ways for form in forms):
            seen = line.startswith("!")
    return seen


@pytest.mark.skipif(HADOLINT is None, reason="THE DOCKERFILE IS NOT LINTED: no hadolint")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT, []),
        ("FROM debian\n", ["DL3006"]),
        ("FROM debian:13\nUSER root\n", ["DL3002", "DL3066"]),
    ],
    ids=["ours", "no tag", "root"],
)
def test_a_linter_finds_nothing_and_would(text, found):
    done = subprocess.run(
        [HADOLINT, "--no-fail", "--format", "json", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [one["code"] for one in json.loads(done.stdout)] == found


def test_both_stages_begin_with_one_image_pinned_by_its_digest():
    first = [rest.split(" AS ")[0] for rest in of("FROM") if "@" in rest]
    assert len(first) == 2
    assert len(set(first)) == 1
    assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+@sha256:[0-9a-f]{64}", first[0])


@pytest.mark.parametrize(
    "source", sorted({w for rest in of("COPY") if "--from" not in rest for w in rest.split()[:-1]})
)
def test_what_is_copied_is_there_and_not_ignored(source):
    assert (ROOT / source).exists()
    assert kept(source)


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.new",
        "data/.env",
        ".git/config",
        ".venv/bin/python",
        ".demo/tradingkb.db",
        ".tradingkb/tradingkb.db",
        "dashboard/.tradingkb/tradingkb.db",
        "tests/conftest.py",
        "my_trials.rejects.parquet",
        "tradingkb/__pycache__/wiring.cpython-313.pyc",
        "notebooks/guides/01.ipynb",
    ],
)
def test_secrets_stores_and_what_an_image_does_not_need_stay_out(path):
    assert not kept(path)


@pytest.mark.parametrize(
    "path",
    [
        "tradingkb/stores/migrations/env.py",
        "dashboard/app_pages/overview.py",
        "data/ohlcv/AAPL_1d.parquet",
        "data/strategies/sma_cross.toml",
        "data/trials.parquet",
        "data/monitoring/alerts.yaml",
        "data/schedules.toml",
        "notebooks/runbooks/06_trial_ingestion.ipynb",
    ],
)
def test_what_programs_in_it_read_is_in_it(path):
    assert (ROOT / path).exists()
    assert kept(path)


@pytest.mark.parametrize("stage", ["runtime", "ops"])
def test_no_stage_that_is_run_ends_as_root(stage):
    assert of("USER", stage)[-1] == "10001:10001"
    assert service("trading-rag-svc")["user"] == "10001:10001"


def test_nothing_that_builds_is_in_the_image():
    run = " ".join(of("RUN", "runtime") + of("RUN", "service"))
    assert not re.search(r"\b(pip|apt-get|gcc|make|git|curl)\b", run)
    assert all("--without-pip" in rest for rest in of("RUN", "build") if "venv" in rest)


def test_every_package_is_installed_by_its_hash():
    installs = re.findall(r"\binstall [^&]*", " ".join(of("RUN", "build")))
    real = [line for line in installs if "--dry-run" not in line and "dist/" not in line]
    assert len(real) == 2
    assert all("--require-hashes" in line and "--only-binary :all:" in line for line in real)
    assert all("--no-deps" in line for line in real)


def test_it_serves_unless_told_otherwise_and_is_known_by_its_version():
    assert of("FROM")[-1] == "runtime AS service"
    assert of("CMD", "runtime") == ['["tradingkb", "serve", "--host", "0.0.0.0"]']
    assert of("STOPSIGNAL", "runtime") == ["SIGTERM"]
    assert f'image.version="{__version__}"' in of("LABEL")[0]


def test_its_health_check_is_that_of_compose():
    stated = of("HEALTHCHECK", "runtime")[0].split(" CMD ")[1]
    assert ["CMD", *json.loads(stated)] == service("trading-rag-svc")["healthcheck"]["test"]


def test_a_replica_is_known_by_the_name_of_its_container_unless_it_is_given_one():
    start = json.loads(of("ENTRYPOINT", "runtime")[0])
    name = subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout
    for given, expected in [({}, name), ({"TRADINGKB_REPLICA": "ops"}, "ops\n")]:
        done = subprocess.run(
            [*start, "printenv", "TRADINGKB_REPLICA"],
            env={"PATH": "/usr/bin:/bin", **given},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == expected


# --- what of the lock goes into it ----------------------------------------------------------------


def test_the_lock_is_read_entry_by_entry_with_every_hash():
    entries = LOCKING.entries(LOCK)
    assert "".join(entries.values()).strip() == LOCK.strip()
    assert all("--hash=sha256:" in entry for entry in entries.values())
    assert [line for line in LOCKING.versions(LOCK) if "hash" in line or "==" not in line] == []


def test_the_image_asks_for_what_its_programs_import():
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = re.search(r'EXTRAS="([\w,]+)"', TEXT)[1].split(",")
    asked = LOCKING.wanted(pyproject, extras)
    project = tomllib.loads(pyproject)["project"]
    for extra in ("server", "service", "runbooks", "notebooks", "dashboard"):
        lines = project["optional-dependencies"][extra]
        assert {line for line in lines if not line.startswith("tradingkb[")} <= set(asked)
    assert set(project["dependencies"]) <= set(asked)
    assert not [line for line in asked if line.startswith("tradingkb")]  # pip would look it up


def test_an_entry_is_found_however_its_name_is_written_and_none_is_made_up():
    (entry,) = LOCKING.named(LOCK, ["TA_Lib"])
    assert entry.startswith("ta-lib==")
    with pytest.raises(KeyError, match="no-such"):
        LOCKING.named(LOCK, ["no_such"])


def test_the_builder_has_what_hatchling_needs():
    named = re.search(r"image_lock.py named ([\w -]+) >", TEXT)[1].split()
    needed = [r for r in requires("hatchling") or [] if "extra" not in r and "<" not in r]
    names = {re.split(r"[^\w-]", requirement)[0] for requirement in needed}
    assert {LOCKING.normal(name) for name in names} | {"hatchling"} == set(named)
