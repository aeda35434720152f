"""schedules.toml: what is run when. What is wrong with one entry stops no other."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, cast, get_args

from tradingkb.exceptions import InvalidInputError, NotFoundError, TradingKBError
from tradingkb.printable import printable
from tradingkb.runbooks.running import LONGEST_DEADLINE_S
from tradingkb.runbooks.schedule.times import check_cron, zone_of

Missed = Literal["run once", "skip"]
#: Of a name: as long as its column, and what a comment of a crontab can hold.
_LONGEST: Final = 128
_TABLE: Final = "schedule"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
#: Whether a runbook takes these parameters; its whole name.
Check = Callable[[str, Mapping[str, Any]], str]


@dataclass(frozen=True)
class Schedule:
    """One entry.

    Attributes:
        name: its own.
        runbook: what is run.
        cron: minute hour day-of-month month day-of-week.
        timezone: that the line is meant in, by its IANA name.
        workspace: slug or id.
        parameters: of the runbook, but for the workspace.
        missed: what becomes of times at which no scheduler ran: the newest runs late, or none.
        deadline_s: seconds after which a run is ended; None for those of the runbook.
    """

    name: str
    runbook: str
    cron: str
    timezone: str = "UTC"
    workspace: str = "default"
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    missed: Missed = "run once"
    deadline_s: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """All parameters of a run."""
        return {"workspace": self.workspace, **self.parameters}

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form, without the name."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "name"}
        return {**told, "parameters": dict(self.parameters)}


@dataclass(frozen=True)
class Refused:
    """Why an entry, or the whole file, is not in force.

    Attributes:
        file: its name.
        entry: its number, from 1; None for the whole file.
        name: of the entry, where it has a usable one.
        field: at fault; None where it is none of them.
        what: is wrong, and what to do about it.
    """

    file: str
    entry: int | None
    name: str | None
    field: str | None
    what: str

    @property
    def label(self) -> str:
        """Of the entry among the schedules: its name, else its number, else the file."""
        return self.name or (self.file if self.entry is None else f"entry {self.entry}")

    def __str__(self) -> str:
        """File, entry, field, what is wrong and what to do."""
        entry = "" if self.entry is None else f"schedule {self.entry}"
        named = f"{entry} {self.name!r}" if self.name else entry
        return f"{', '.join(p for p in (self.file, named, self.field) if p)}: {self.what}"


@dataclass(frozen=True)
class ScheduleFile:
    """What a file says: the schedules in force, and what is refused."""

    schedules: tuple[Schedule, ...] = ()
    refused: tuple[Refused, ...] = ()

    @property
    def unreadable(self) -> bool:
        """Whether nothing is known of its entries."""
        return any(one.entry is None and one.field is None for one in self.refused)


def read_schedules(path: Path, check: Check) -> ScheduleFile:
    """Reads a file; raises nothing, so that one mistake stops nothing else.

    Two entries of one name are both refused: nothing tells which one is meant, and under one name
    only one of them would ever run.

    Args:
        path: of the file.
        check: whether a runbook takes the parameters of an entry.
    """
    file = path.name
    try:
        found = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        return _nothing(file, "there is no such file: write it, or name another one")
    except OSError as error:
        return _nothing(file, f"it cannot be read: {error.strerror or error}")
    except ValueError as error:  # no UTF-8, or no TOML
        return _nothing(file, f"it is no TOML: {error}: until it is, what was read before it runs")
    refused = [_unknown(file, None, None, name, (_TABLE,)) for name in found if name != _TABLE]
    entries = found.get(_TABLE, [])
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        return _nothing(file, f"{_TABLE} is no list of tables: begin each entry with [[{_TABLE}]]")
    names = Counter(one.get("name") for one in entries if isinstance(one.get("name"), str))
    schedules = []
    for number, given in enumerate(entries, 1):
        reading = _Entry(file, number, given, check)
        schedule = reading.read(twice=names[str(given.get("name"))] > 1)
        refused += reading.refused
        schedules += [schedule] if schedule is not None else []
    return ScheduleFile(tuple(schedules), tuple(refused))


class _Entry:
    """Reads one entry, and gathers all that is wrong with it."""

    def __init__(self, file: str, number: int, given: Mapping[str, Any], check: Check) -> None:
        self._file, self._number, self._given, self._check = file, number, given, check
        self._name: str | None = None
        self.refused: list[Refused] = []

    def read(self, *, twice: bool) -> Schedule | None:
        """The schedule; None where something is wrong with it."""
        self._name = self._text("name", needed=True, longest=_LONGEST)
        if twice and self._name:
            self._refuse("name", "another entry has the same name: give each its own")
        for name in self._given:
            if name not in _FIELDS:
                self.refused.append(_unknown(self._file, self._number, self._name, name, _FIELDS))
        runbook = self._text("runbook", needed=True)
        cron = self._text("cron", needed=True)
        timezone = self._text("timezone") or "UTC"
        workspace = self._text("workspace") or "default"
        parameters = self._parameters()
        missed = self._missed()
        deadline_s = self._deadline()
        self._tried("cron", lambda: check_cron(cron) if cron else None)
        self._tried("timezone", lambda: zone_of(timezone))
        whole = self._tried(
            "runbook",
            lambda: runbook and self._check(runbook, {"workspace": workspace, **parameters}),
        )
        if self.refused:
            return None
        return Schedule(
            self._name or "",
            str(whole),
            " ".join((cron or "").split()),
            timezone,
            workspace,
            MappingProxyType(parameters),
            missed,
            deadline_s,
        )

    def _refuse(self, name: str | None, what: str) -> None:
        self.refused.append(Refused(self._file, self._number, self._name, name, what))

    def _tried(self, name: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except TradingKBError as error:
            self._refuse(_place(name, error), _told(error))
        except Exception as error:  # anybody writes notebooks, and no other entry waits for one
            self._refuse(name, f"it cannot be checked: {type(error).__name__}: {error}")
        return None

    def _text(self, name: str, *, needed: bool = False, longest: int = 1000) -> str | None:
        value = self._given.get(name)
        if value is None:
            if needed:
                self._refuse(name, f'it is missing: give {name} = "..."')
            return None
        if not isinstance(value, str) or not value.strip():
            self._refuse(name, f"{value!r} is no text: write it in quotes")
            return None
        if len(value) > longest or printable(value) != value or "\n" in value or "\t" in value:
            self._refuse(name, f"it is no printable text of at most {longest} characters")
            return None
        return value.strip()

    def _parameters(self) -> dict[str, Any]:
        given = self._given.get("parameters", {})
        if not isinstance(given, dict):
            self._refuse("parameters", "it is no table: write parameters = {name = value}")
            return {}
        if "workspace" in given:
            self._refuse("parameters.workspace", 'give it as workspace = "..." of the entry')
        return {name: _plain(value) for name, value in given.items() if name != "workspace"}

    def _missed(self) -> Missed:
        value = self._given.get("missed", "run once")
        if value not in get_args(Missed):
            known = " or ".join(f'"{one}"' for one in get_args(Missed))
            self._refuse("missed", f"{value!r} is not known: give {known}")
            return "run once"
        return cast("Missed", value)

    def _deadline(self) -> int | None:
        value = self._given.get("deadline")
        if value is None:
            return None
        found = (
            re.fullmatch(r"\s*(\d{1,6})\s*([smhd])\s*", value) if isinstance(value, str) else None
        )
        if found is None or int(found[1]) == 0:
            self._refuse("deadline", f'{value!r} is no duration: give "90s", "30m" or "2h"')
            return None
        seconds = int(found[1]) * _UNITS[found[2]]
        if seconds > LONGEST_DEADLINE_S:
            self._refuse("deadline", f'{value!r} is more than a week: give "7d" at most')
        return seconds


#: Of an entry, as they are written.
_FIELDS: Final = tuple(
    "deadline" if one.name == "deadline_s" else one.name for one in fields(Schedule)
)


def _nothing(file: str, what: str) -> ScheduleFile:
    return ScheduleFile(refused=(Refused(file, None, None, None, what),))


def _unknown(
    file: str,
    number: int | None,
    entry: str | None,
    name: str,
    known: Iterable[str],
) -> Refused:
    return Refused(file, number, entry, name, _told(NotFoundError("field", name, known)))


def _place(name: str, error: TradingKBError) -> str:
    """The field at fault: a runbook that is there refuses its parameters."""
    where = error.field if isinstance(error, InvalidInputError) else None
    if name != "runbook" or where in (None, "runbook"):
        return name
    return "parameters" if isinstance(error, NotFoundError) else f"parameters.{where}"


def _told(error: TradingKBError) -> str:
    """An error without the place, which is said before."""
    if not isinstance(error, InvalidInputError):
        return str(error)
    return f"{error.message}: {error.remedy}" if error.remedy else error.message


def _plain(value: Any) -> Any:
    """Dates of TOML as a notebook is given them."""
    return value.isoformat() if isinstance(value, date | datetime | time) else value
