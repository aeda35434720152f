"""The restart of containers by docker compose: one after the other, or all at once."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import BackendUnavailableError, ConfigurationError, InvalidInputError
from tradingkb.masking import masked
from tradingkb.runbooks.procedures.restart import (
    Restart,
    Timing,
    answer_differs,
    scheduler_beat,
    tokens_of,
)

if TYPE_CHECKING:
    from tradingkb.runbooks.book import Run

_COMMAND_S: Final = 300.0
_LOOK_S: Final = 0.5
_TAG: Final = "TRADINGKB_IMAGE_TAG"
#: Asks a replica from within its container; the proxy would ask another one.
_ASK: Final = "import urllib.request as web; web.urlopen('http://127.0.0.1:8000/{path}', timeout=4)"


def plan(run: Run, restart: Restart) -> None:
    """Plans the commands of docker compose; they are shown as they are run.

    Raises:
        InvalidInputError: no folder of a compose file.
        ConfigurationError: no docker compose is here, and it is no dry run.
    """
    given = run.parameters
    folder = Path(given["compose_folder"]).expanduser()
    if not (folder / "compose.yaml").exists():
        raise InvalidInputError(
            f"there is no compose.yaml in {given['compose_folder']}",
            field="compose_folder",
            remedy="name the folder of the clone",
        )
    if not has_compose():
        if not run.dry_run:
            raise ConfigurationError(
                "there is no docker compose here: run this where it is, or type what the plan says"
            )
        run.find("there is no docker compose here: what is planned is to be typed where it is")
    ids = _ids(run, folder) if has_compose() else None
    for number, (what, command, waited) in enumerate(commands(given, ids), 1):
        run.step(
            f"restart_{number}",
            f"{what}: {command}",
            partial(_carried_out, run, restart, folder, command, waited),
            expect={"back": True},
            undo=way_back(given),
        )


def commands(
    given: Mapping[str, Any], ids: Sequence[str] | None
) -> list[tuple[str, str, str | None]]:
    """What is done: a sentence, the command, and the container that has to be back after it.

    Args:
        given: the parameters.
        ids: of the containers that run; None where that is not known.

    Returns:
        For a container None stands for all of them, and "" for none that is waited for.
    """
    name = "scheduler" if given["part"] == "scheduler" else given["compose_service"]
    if given["image_tag"]:
        tag = f"{_TAG}={given['image_tag']} "
        up = f"{tag}docker compose up -d --no-build --no-deps {name}"
        pull = ("fetch the image", f"{tag}docker compose pull {name}", "")
        start: tuple[str, str, str | None] = ("start the image of that tag", up, None)
        return [pull, start] if given["pull"] else [start]
    if given["at_once"] or name == "scheduler":
        return [("restart", f"docker compose restart {name}", None)]
    scale = f"docker compose up -d --no-deps --scale {name}={{n}} {name}"
    if ids is not None and not ids:
        return [("start what does not run", scale.format(n=1), None)]
    known = ids or [f"$(docker compose ps -q {name})"]
    each = [(f"restart {one}", f"docker restart {one}", one) for one in known]
    if len(known) > 1:
        return list(each)
    return [
        ("start a second replica, which answers meanwhile", scale.format(n=2), None),
        *each,
        ("go back to one", scale.format(n=1), None),
    ]


def way_back(given: Mapping[str, Any]) -> str:
    """The command of the emergency rollback."""
    name = "scheduler" if given["part"] == "scheduler" else given["compose_service"]
    tag = given["rollback_tag"]
    return f"{_TAG}={tag} docker compose up -d --no-build --no-deps {name}"


def has_compose() -> bool:
    """Whether docker compose is here."""
    if shutil.which("docker") is None:
        return False
    words = ["docker", "compose", "version"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _carried_out(
    run: Run, restart: Restart, folder: Path, command: str, waited: str | None
) -> dict[str, Any]:
    """Runs a command and waits for what it started.

    Raises:
        BackendUnavailableError: it fails, or what it started is not back in time; then the image
            before was started where another one was, and that is wanted.
    """
    before, began = datetime.now(UTC), time.monotonic()
    try:
        _run(command, folder)
        done = time.monotonic()
        if waited != "":
            _wait(run, folder, waited, before)
            _answers(run, restart)
    except BackendUnavailableError as why:
        raise BackendUnavailableError(f"{why}; {_rolled_back(run, restart, folder)}") from None
    back = time.monotonic()
    restart.timings.append(Timing(waited or "all", done - began, back - done))
    return {"back": True, "command_s": round(done - began, 2), "ready_s": round(back - done, 2)}


def _rolled_back(run: Run, restart: Restart, folder: Path) -> str:
    given, command = run.parameters, way_back(run.parameters)
    if not (given["image_tag"] and given["roll_back"]):
        return f"not rolled back: {command}"
    before, began = datetime.now(UTC), time.monotonic()
    try:
        _run(command, folder)
        _wait(run, folder, None, before)
    except BackendUnavailableError as error:
        return f"rolled back, and that is not ready either: {error}"
    restart.timings.append(Timing("all", 0.0, time.monotonic() - began, rolled_back=True))
    run.next(f"to stay there, set {_TAG}={given['rollback_tag']} in .env")
    return "rolled back: the image before is back"


def _wait(run: Run, folder: Path, waited: str | None, since: datetime) -> None:
    seconds = run.parameters["ready_s"]
    until = time.monotonic() + seconds
    while why := _why_not(run, folder, waited, since):
        if time.monotonic() > until:
            raise BackendUnavailableError(f"not back in {seconds} s: {why}")
        time.sleep(_LOOK_S)


def _why_not(run: Run, folder: Path, waited: str | None, since: datetime) -> str:
    if run.parameters["part"] == "scheduler":
        beat = scheduler_beat(run)
        return "" if beat is not None and beat > since else "it has not looked around"
    path = "ready" if run.parameters["wait_for"] == "ready" else "health"
    ids = [waited] if waited else _ids(run, folder)
    ask = ["python", "-c", _ASK.format(path=path)]
    for one in ids:
        try:
            _run(shlex.join(["docker", "exec", one, *ask]), folder)
        except BackendUnavailableError:
            return f"replica {one} is not {'ready' if path == 'ready' else 'alive'}"
    return "" if ids else "no container runs"


def _answers(run: Run, restart: Restart) -> None:
    if restart.before is None or run.parameters["part"] == "scheduler":
        return
    for replica in restart.replicas:
        after = restart.question.asked_of(replica.url, tokens_of(run))
        if differs := answer_differs(run, restart, after):
            raise BackendUnavailableError(f"{replica.url} does not answer as before: {differs[0]}")


def _ids(run: Run, folder: Path) -> list[str]:
    name = run.parameters["compose_service"]
    return _run(f"docker compose ps -q {name}", folder).split()


def _run(command: str, folder: Path) -> str:
    """What a command says; variables stand before it."""
    words = shlex.split(command)
    variables = [word for word in words if word.startswith(f"{_TAG}=")]
    env = os.environ | dict(word.split("=", 1) for word in variables)
    words = [word for word in words if word not in variables]
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendUnavailableError(f"{command}: {type(error).__name__}") from None
    if done.returncode:
        told = " ".join((done.stderr or done.stdout).split())[-300:]
        raise BackendUnavailableError(f"{command} ends with {done.returncode}: {masked(told)}")
    return done.stdout
