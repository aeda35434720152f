"""A run that is asked for: checked before anything starts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tradingkb.domain import Actor
from tradingkb.exceptions import ConfigurationError, InvalidInputError, TradingKBError
from tradingkb.jobs import own_name
from tradingkb.plain import plain
from tradingkb.ports import RunbookRun
from tradingkb.runbooks.book import Runbook, runbook
from tradingkb.runbooks.running.ending import short, storable
from tradingkb.runbooks.running.secret import Secrets, secrets_of
from tradingkb.runbooks.running.telling import tell_of_failure
from tradingkb.settings import Settings

#: Of any run: a week.
LONGEST_DEADLINE_S: Final = 7 * 86_400


@dataclass(frozen=True)
class Asked:
    """Who asked for what.

    Attributes:
        name: of the runbook, or the beginning of it.
        parameters: by name, as they were given.
        actor: who asks.
        schedule: name of the schedule that is due.
        slot: the time that this was due.
        run_id: of the row that was stored when it was asked for.
        deadline_s: seconds after which the run is ended; None for the runbook's own.
    """

    name: str
    parameters: Mapping[str, Any]
    actor: str
    schedule: str | None = None
    slot: datetime | None = None
    run_id: str | None = None
    deadline_s: float | None = None


@dataclass(frozen=True)
class Checked:
    """What is to be run: the runbook, all its parameters, and what of them must not be told."""

    book: Runbook
    values: Mapping[str, Any]
    secrets: Secrets
    deadline_s: int


def checked(settings: Settings, asked: Asked) -> Checked:
    """What is asked for, complete.

    Raises:
        InvalidInputError: an unknown runbook or parameter, a missing or wrong value, a name of who
            asks that no database stores, or an id that is no UUID.
        ConfigurationError: the notebook is no runbook, or the extra `runbooks` is not installed.
    """
    _need_extra()
    Actor(asked.actor)
    if asked.run_id is not None:
        _check_id(asked.run_id)
    book = runbook(asked.name, settings.runbooks_dir)
    values = book.checked(asked.parameters)
    return Checked(book, values, secrets_of(settings, values), _deadline(book, asked.deadline_s))


def new_run(release: str, asked: Asked, found: Checked, at: datetime) -> RunbookRun:
    """The run as it is when it is asked for."""
    book, values = found.book, found.values
    return RunbookRun(
        run_id=asked.run_id or str(uuid.uuid4()),
        runbook=book.name,
        version=book.version,
        workspace=str(values["workspace"]),
        parameters=storable(found.secrets.of(plain(dict(values)))),
        dry_run=bool(values["dry_run"]),
        actor=asked.actor,
        started_at=at,
        heartbeat_at=at,
        deadline_s=found.deadline_s,
        holder=own_name(str(uuid.uuid4())),
        release=release,
        schedule=asked.schedule,
        slot=asked.slot,
    )


@contextmanager
def told_unstarted(settings: Settings, asked: Asked) -> Iterator[None]:
    """Tells of a run that could not start, unless whoever asked made a mistake and reads so."""
    try:
        yield
    except TradingKBError as error:
        if asked.schedule is not None or not isinstance(error, InvalidInputError):
            secrets = secrets_of(settings, asked.parameters)
            tell_of_failure(settings.runbook_on_failure, secrets.of(_unstarted(asked, error)))
        raise


def _unstarted(asked: Asked, error: TradingKBError) -> dict[str, Any]:
    return {
        "run_id": asked.run_id,
        "runbook": asked.name,
        "workspace": asked.parameters.get("workspace"),
        "parameters": plain(asked.parameters),
        "actor": asked.actor,
        "schedule": asked.schedule,
        "slot": plain(asked.slot),
        "state": "ended",
        "outcome": "failed",
        "error": short(f"it could not start: {error}"),
        "result": None,
    }


def _need_extra() -> None:
    try:
        import ipykernel  # noqa: F401 - the kernel needs it
        import papermill  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed: pip install 'tradingkb[runbooks]'"
        ) from None


def _check_id(run_id: str) -> None:
    """Files are named by it."""
    try:
        uuid.UUID(run_id)
    except ValueError:
        raise InvalidInputError(
            f"{run_id!r} is no UUID", field="run_id", remedy="leave it out"
        ) from None


def _deadline(book: Runbook, given: float | None) -> int:
    seconds = book.deadline_s if given is None else given
    if not 0 < seconds <= LONGEST_DEADLINE_S:
        raise InvalidInputError(
            f"{seconds:g} s is no deadline",
            field="deadline_s",
            remedy="give more than 0 s, and a week at most",
        )
    return max(1, round(seconds))
