"""schedules.toml: what is wrong names file, entry, field and remedy, and stops nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DATA
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.runbooks.schedule import parameters_check
from tradingkb.runbooks.schedule.entries import Schedule, ScheduleFile, read_schedules

GOOD = """
[[schedule]]
name = "daily health"
runbook = "09"
cron = "15  6 * * *"
"""


def check(runbook: str, given: Mapping[str, Any]) -> str:
    """As a runbook with a text, a date and nothing else would."""
    if not "09_reconcile_and_health".startswith(runbook):
        raise NotFoundError("runbook", runbook, ["09_reconcile_and_health"])
    for name in given:
        if name not in ("workspace", "dry_run", "since", "keep"):
            raise NotFoundError("parameter", name, ["workspace", "dry_run", "since", "keep"])
    if not isinstance(given.get("keep", 1), int):
        raise InvalidInputError("'x': is no number", field="keep", remedy="it is int: how many")
    return "09_reconcile_and_health"


@pytest.fixture
def read(tmp_path: Path):
    def reading(text: str | bytes) -> ScheduleFile:
        path = tmp_path / "schedules.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_schedules(path, check)

    return reading


def said(found: ScheduleFile) -> list[str]:
    return [str(one) for one in found.refused]


def test_an_entry_has_defaults_and_the_whole_name_of_its_runbook(read):
    found = read(GOOD)
    assert found.refused == ()
    assert found.schedules == (Schedule("daily health", "09_reconcile_and_health", "15 6 * * *"),)
    (one,) = found.schedules
    assert (one.timezone, one.workspace, one.missed, one.deadline_s) == (
        "UTC",
        "default",
        "run once",
        None,
    )
    assert one.given == {"workspace": "default"}


def test_an_entry_says_all_it_can(read):
    (one,) = read(
        GOOD
        + """
timezone = "Europe/Berlin"
workspace = "desk"
parameters = {dry_run = false, since = 2026-01-31, keep = 7}
missed = "skip"
deadline = "30m"
"""
    ).schedules
    assert one.given == {"workspace": "desk", "dry_run": False, "since": "2026-01-31", "keep": 7}
    assert (one.timezone, one.missed, one.deadline_s) == ("Europe/Berlin", "skip", 1800)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('cron = "0 0 31 2 *"', ["cron: '0 0 31 2 *' is never due: bad day-of-month"]),
        (
            'timezone = "Europe/Berln"',
            ["timezone: unknown timezone 'Europe/Berln': did you mean Europe/Berlin"],
        ),
        (
            'runbook = "9_health"',
            ["runbook: unknown runbook '9_health'", "09_reconcile_and_health"],
        ),
        ('crn = "0 6 * * *"', ["crn: unknown field 'crn': did you mean cron?"]),
        (
            "parameters = {sinse = 2026-01-31}",
            ["parameters: unknown parameter 'sinse'", "did you mean since?"],
        ),
        ('parameters = {keep = "x"}', ["parameters.keep: 'x': is no number: it is int: how many"]),
        ('parameters = {workspace = "x"}', ["parameters.workspace: give it as workspace"]),
        ("parameters = 3", ["parameters: it is no table"]),
        ('missed = "once"', ['missed: \'once\' is not known: give "run once" or "skip"']),
        ('deadline = "half an hour"', ["deadline: 'half an hour' is no duration"]),
        ("deadline = 30", ["deadline: 30 is no duration"]),
        ('deadline = "0m"', ["deadline: '0m' is no duration"]),
        ('deadline = "8d"', ["deadline: '8d' is more than a week: give \"7d\" at most"]),
        ('workspace = ""', ["workspace: '' is no text"]),
        ("timezone = 2", ["timezone: 2 is no text"]),
        ('name = "two\\nlines"', ["name: it is no printable text"]),
    ],
)
def test_what_is_wrong_with_an_entry_names_place_and_remedy(read, line, expected):
    field = line.partition(" ")[0]
    kept = "\n".join(one for one in GOOD.splitlines() if not one.startswith(f"{field} "))
    found = read(kept + "\n" + line + GOOD.replace("daily health", "other"))
    assert [one.name for one in found.schedules] == ["other"]
    (told,) = said(found)
    assert told.startswith("schedules.toml, schedule 1")
    for part in expected:
        assert part in told


def test_all_that_is_wrong_with_an_entry_is_told_at_once(read):
    found = read('[[schedule]]\nname = "x"\ncron = "0 0 31 2 *"\nzone = "UTC"\n')
    assert [one.field for one in found.refused] == ["zone", "runbook", "cron"]
    assert {one.label for one in found.refused} == {"x"}


def test_two_entries_of_one_name_are_both_refused_and_no_other(read):
    found = read(GOOD + GOOD + GOOD.replace("daily health", "other"))
    assert [one.name for one in found.schedules] == ["other"]
    assert [(one.entry, one.field) for one in found.refused] == [(1, "name"), (2, "name")]
    assert "give each its own" in said(found)[0]


def test_a_runbook_that_cannot_even_be_checked_stops_no_other_entry(tmp_path):
    def check(runbook: str, given: object) -> str:
        if runbook == "broken":
            raise AttributeError("it has no metadata")
        return runbook

    path = tmp_path / "schedules.toml"
    broken = GOOD.replace("daily health", "other").replace('"09"', '"broken"')
    path.write_text(GOOD + broken, encoding="utf-8")
    found = read_schedules(path, check)
    assert [one.name for one in found.schedules] == ["daily health"]
    assert found.refused[0].field == "runbook"
    assert "cannot be checked: AttributeError: it has no metadata" in said(found)[0]


def test_an_entry_without_a_name_is_told_by_its_number(read):
    found = read(GOOD.replace('name = "daily health"', ""))
    assert said(found) == ['schedules.toml, schedule 1, name: it is missing: give name = "..."']
    assert found.refused[0].label == "entry 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[schedule]\n", "it is no TOML"),
        (b"\xff\xfe", "it is no TOML"),
        ("schedule = 3\n", "begin each entry with [[schedule]]"),
        ("[schedule]\nname = 'x'\n", "begin each entry with [[schedule]]"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_mistake(read, text, expected):
    found = read(text)
    assert found.unreadable
    assert expected in said(found)[0]
    assert found.refused[0].label == "schedules.toml"


def test_a_missing_file_is_told_too(tmp_path):
    found = read_schedules(tmp_path / "none.toml", check)
    assert found.unreadable
    assert said(found) == ["none.toml: there is no such file: write it, or name another one"]


def test_another_table_is_told_with_its_near_name_and_stops_nothing(read):
    found = read(GOOD + "[[schedules]]\nname = 'x'\n")
    assert said(found) == [
        "schedules.toml, schedules: unknown field 'schedules': did you mean schedule?"
    ]
    assert len(found.schedules) == 1
    assert not found.unreadable


def test_an_empty_file_is_no_mistake(read):
    assert read("") == ScheduleFile()


def test_a_file_saved_on_windows_is_read(read):
    assert len(read(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()).schedules) == 1


def test_the_schedules_that_compose_runs_are_all_in_force():
    found = read_schedules(DATA / "schedules.toml", parameters_check(None))
    assert found.refused == ()
    assert {one.runbook for one in found.schedules} == {
        "04_kb_status_none_triage",
        "05_kb_status_degraded_triage",
        "06_trial_ingestion",
        "09_reconcile_and_health",
    }
    acting = [one.name for one in found.schedules if one.parameters.get("dry_run") is False]
    assert acting == ["daily health and backup", "weekly ingest of what is stored"]
