"""A crontab that does the same, as far as cron can."""

from __future__ import annotations

import shlex
from pathlib import Path

from tradingkb.runbooks.schedule import Schedule, crontab

HERE = {"python": "/opt/kb/bin/python", "folder": Path("/srv/my kb"), "home": Path("/srv/kb")}


def lines(*schedules: Schedule) -> list[str]:
    """All but the comment at the head."""
    return crontab(schedules, **HERE).splitlines()[4:]


def test_a_line_has_its_zone_absolute_paths_and_every_parameter():
    one = Schedule(
        "daily health",
        "09_reconcile_and_health",
        "30 2 * * *",
        "Europe/Berlin",
        parameters={"dry_run": False, "folder": "/var/back up"},
        deadline_s=1800,
    )
    comment, zone, line = lines(one)
    assert (comment, zone) == ("# daily health", "CRON_TZ=Europe/Berlin")
    times, command = line[:10], line[11:]
    assert times == "30 2 * * *"
    assert shlex.split(command) == [
        *("cd", "/srv/my kb", "&&", "/opt/kb/bin/python", "-m", "tradingkb", "--home", "/srv/kb"),
        *("runbook", "run", "09_reconcile_and_health", "-p", "workspace=default"),
        *("-p", "dry_run=false", "-p", "folder=/var/back up", "--deadline", "1800"),
    ]


def test_a_percent_sign_is_escaped_for_it_would_end_the_command():
    *_, line = lines(Schedule("x", "r", "0 6 * * *", parameters={"name": "kb-%Y.tkb"}))
    assert line.endswith(r"-p name=kb-\%Y.tkb")


def test_what_cron_does_not_know_is_a_comment_with_its_reason():
    for cron in ("0 6 L * *", "0 6 * * MON#1", "0 6 * * 5L", "0 6 LW * *"):
        *_, line = lines(Schedule("x", "r", cron))
        assert line.startswith(f"# not for cron, which knows no L and no #: {cron} ")
    *_, line = lines(Schedule("x", "r", "0 6 * JUL MON"))
    assert line.startswith("0 6 * JUL MON cd ")


def test_a_parameter_of_several_lines_is_no_line_of_a_crontab():
    for cron in ("0 6 * * *", "0 6 L * *"):
        *_, line = lines(Schedule("x", "r", cron, parameters={"text": "a\n* * * * * rm"}))
        assert line == "# not for cron: a parameter has more than one line"


def test_what_cron_would_cut_off_or_refuse_the_whole_file_for_is_a_comment():
    *_, line = lines(Schedule("x", "r", "0 6 * * *", parameters={"text": "\\%Y"}))
    assert line == "# not for cron: a backslash stands before a percent sign"
    *_, line = lines(Schedule("x", "r", "0 6 * * *", parameters={"text": "x" * 1000}))
    assert line.startswith("# not for cron, which takes no command of 1,1")
