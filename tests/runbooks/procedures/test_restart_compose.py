"""Runbook 07 with docker compose: the commands, in their order, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runbooks.cells import Ran
from tradingkb.exceptions import ConfigurationError, InvalidInputError
from tradingkb.runbooks.procedures import restart_compose
from tradingkb.runbooks.procedures.restart_compose import commands, way_back

NAME = "07_service_restart"
SERVICE = "trading-rag-svc"
GIVEN = {
    "part": "service",
    "compose_service": SERVICE,
    "image_tag": "",
    "at_once": False,
    "pull": False,
    "rollback_tag": "previous",
}
#: Notes its words. Containers are the lines of a file, and those in another one are not ready; an
#: image of the tag `broken` makes all of them so, and one of `previous` none.
DOCKER = """#!/bin/sh
echo "${TRADINGKB_IMAGE_TAG:+$TRADINGKB_IMAGE_TAG }$*" >> "$NOTES/asked"
case "$TRADINGKB_IMAGE_TAG $*" in
  *"compose ps -q"*) cat "$NOTES/ids" ;;
  "broken "*"up -d"*) cp "$NOTES/ids" "$NOTES/away" ;;
  "previous "*"up -d"*) : > "$NOTES/away" ;;
  *"exec "*) ! grep -qx "$2" "$NOTES/away" ;;
  *) true ;;
esac
"""
Restart = Callable[..., Ran]


class Docker:
    """A docker that only notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "docker"
        program.write_text(DOCKER)
        program.chmod(0o755)
        self.runs("one", "two")
        (folder / "away").touch()

    def runs(self, *ids: str) -> None:
        (self.folder / "ids").write_text("".join(f"{one}\n" for one in ids))

    def asked(self) -> list[str]:
        lines = (self.folder / "asked").read_text().splitlines()
        return [line for line in lines if "ps -q" not in line and "version" not in line]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("NOTES", str(folder))
    return Docker(folder)


@pytest.fixture
def restarted(played: Restart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restart:
    """Plays the runbook beside a compose file; nobody answers at its address."""
    (tmp_path / "compose.yaml").touch()
    monkeypatch.setattr(restart_compose, "_LOOK_S", 0.01)
    given = {
        "target": "compose",
        "compose_folder": str(tmp_path),
        "replica_urls": "http://127.0.0.1:9",
        "ready_s": 0,
    }
    # Whether the proxy answers is not what is looked at here.
    monkeypatch.setattr(restart_compose, "_answers", lambda *_: None)
    return lambda **more: played(NAME, **{**given, **more})


def words(ids: list[str] | None, **given: Any) -> list[str]:
    return [command for _, command, _ in commands({**GIVEN, **given}, ids)]


def test_replicas_are_restarted_one_after_the_other_and_each_is_waited_for(
    restarted: Restart, docker: Docker
):
    found = restarted(dry_run=False)
    assert found.states == {"restart_1": "done", "restart_2": "done"}
    asked = [" ".join(line.split()[:2]) for line in docker.asked()]
    assert asked == ["restart one", "exec one", "restart two", "exec two"]
    assert "/ready" in docker.asked()[1]


def test_the_next_one_is_left_alone_where_one_does_not_come_back(
    restarted: Restart, docker: Docker
):
    (docker.folder / "away").write_text("one\n")
    found = restarted(dry_run=False)
    assert found.result.outcome == "failed"
    assert found.states == {"restart_1": "failed", "restart_2": "skipped"}
    assert "replica one is not ready" in (found.result.actions[0].error or "")
    assert way_back(GIVEN) in str(found.result.next_steps)


def test_an_image_that_is_not_ready_is_replaced_by_the_one_before(
    restarted: Restart, docker: Docker
):
    found = restarted(dry_run=False, image_tag="broken")
    error = found.result.actions[0].error or ""
    assert "rolled back: the image before is back" in error
    ups = [line for line in docker.asked() if "up -d" in line]
    same = f"compose up -d --no-build --no-deps {SERVICE}"
    assert ups == [f"broken {same}", f"previous {same}"]
    assert "TRADINGKB_IMAGE_TAG=previous in .env" in str(found.result.next_steps)


def test_a_dry_run_shows_the_commands_and_asks_docker_for_nothing_but_who_runs(
    restarted: Restart, docker: Docker
):
    found = restarted()
    assert [one.what for one in found.result.actions] == [
        "restart one: docker restart one",
        "restart two: docker restart two",
    ]
    assert docker.asked() == []


def test_without_docker_the_commands_are_shown_and_nothing_is_run(
    restarted: Restart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = restarted()
    assert f"docker restart $(docker compose ps -q {SERVICE})" in found.result.actions[1].what
    with pytest.raises(ConfigurationError, match="no docker compose"):
        restarted(dry_run=False)
    with pytest.raises(InvalidInputError, match=r"no compose\.yaml"):
        restarted(compose_folder=str(tmp_path / "elsewhere"))


def test_the_commands_are_those_of_the_deployment_page():
    scale = "docker compose up -d --no-deps --scale trading-rag-svc={} trading-rag-svc"
    assert words(["a"]) == [scale.format(2), "docker restart a", scale.format(1)]
    assert words(["a", "b"]) == ["docker restart a", "docker restart b"]
    assert words([]) == [scale.format(1)]
    assert words(["a", "b"], at_once=True) == ["docker compose restart trading-rag-svc"]
    assert words(["a"], part="scheduler") == ["docker compose restart scheduler"]
    up = "docker compose up -d --no-build --no-deps trading-rag-svc"
    assert words(["a"], image_tag="v2", pull=True) == [
        "TRADINGKB_IMAGE_TAG=v2 docker compose pull trading-rag-svc",
        f"TRADINGKB_IMAGE_TAG=v2 {up}",
    ]
    page = (Path(__file__).resolve().parents[3] / "notebooks/reference/deployment.md").read_text()
    assert f"{way_back(GIVEN)}\n" in page
    assert f"{scale.format(2)}\n" in page
