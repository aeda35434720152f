"""The same schedules for those who prefer cron."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tradingkb.runbooks.schedule.entries import Schedule

#: What cron does not know: the last day, the nth weekday.
_BEYOND: Final = re.compile(r"#|\d?L\b|LW")
#: Of a line: Debian's cron takes no command of more, and refuses the whole file for it.
_LONGEST: Final = 990
_HEAD: Final = (
    "# Schedules of tradingkb for `crontab -e`: tradingkb runbook schedule --crontab",
    "# CRON_TZ is for cronie. The cron of Debian goes by the zone of the machine and ignores it.",
    "# Cron catches up with nothing that it missed, and lets a run begin while the last one goes.",
)


def crontab(schedules: Iterable[Schedule], *, python: str, folder: Path, home: Path) -> str:
    """A crontab, in which one that cron cannot express is a comment with its reason.

    Args:
        schedules: in force.
        python: absolute path of the interpreter: cron has no PATH to speak of.
        folder: absolute; where a `.env` of settings is read from.
        home: absolute folder of the store.
    """
    lines = list(_HEAD)
    for one in schedules:
        lines += ["", f"# {one.name}", f"CRON_TZ={one.timezone}", *_line(one, python, folder, home)]
    return "\n".join(lines) + "\n"


def _line(one: Schedule, python: str, folder: Path, home: Path) -> list[str]:
    given = [word for key, value in one.given.items() for word in ("-p", f"{key}={_word(value)}")]
    deadline = [] if one.deadline_s is None else ["--deadline", str(one.deadline_s)]
    command = [python, "-m", "tradingkb", "--home", str(home), "runbook", "run", one.runbook]
    # A percent sign ends the command and begins its input, also within quotes.
    text = f"cd {shlex.quote(str(folder))} && {shlex.join([*command, *given, *deadline])}"
    line = f"{one.cron} {text}".replace("%", r"\%")
    if "\n" in line:
        return ["# not for cron: a parameter has more than one line"]
    if r"\%" in text:  # which cron reads as a backslash and the end of the command
        return ["# not for cron: a backslash stands before a percent sign"]
    if len(line) > _LONGEST:
        return [f"# not for cron, which takes no command of {len(line):,} characters"]
    if _BEYOND.search(" ".join(one.cron.upper().split()[2::2])):
        return [f"# not for cron, which knows no L and no #: {line}"]
    return [line]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
