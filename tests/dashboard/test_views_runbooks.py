"""The form of a runbook: its fields, what it says, and the links that fill it in."""

from __future__ import annotations

from datetime import date

import pytest

from dashboard.views import runbooks
from dashboard.views.runbooks import Field, Meant, Opens


def parameter(name: str, kind: str, default=None, **more):
    return {
        "name": name,
        "type": kind,
        "kind": kind,
        "optional": False,
        "default": default,
        "required": False,
        "choices": [],
        "meaning": f"what {name} means",
        **more,
    }


BOOK = {
    "name": "04_none",
    "title": "Nothing",
    "purpose": "Why\n*not*?",
    "alerts": ["KbStatusNone"],
    "destructive": True,
    "parameters": [
        parameter("workspace", "str", "default"),
        parameter("dry_run", "bool", True),
        parameter("strategy", "str", None, optional=True),
        parameter("note", "str", "as usual"),
        parameter("hours", "int", 24),
        parameter("share", "float", 0.5),
        parameter("apply", "bool", False),
        parameter("since", "date", "2026-11-01"),
        parameter("how", "choice", "one", choices=["one", "other"]),
        parameter("many", "choice", 1, choices=[1, 2]),
        parameter("sure", "bool", None, required=True),
    ],
}
FIELDS = runbooks.fields(BOOK)
BY_NAME = {field.name: field for field in FIELDS}


def test_the_page_itself_says_the_workspace_and_whether_it_is_dry():
    assert not {"workspace", "dry_run"} & set(BY_NAME)


@pytest.mark.parametrize(
    ("name", "kind", "default", "choices"),
    [
        ("strategy", "text", None, ()),
        ("note", "text", "as usual", ()),
        ("hours", "whole", 24, ()),
        ("share", "number", 0.5, ()),
        ("apply", "flag", False, ()),
        ("since", "date", date(2026, 11, 1), ()),
        ("how", "choice", "one", ("one", "other")),
        ("many", "choice", "1", ("1", "2")),
        ("sure", "choice", None, ("true", "false")),
    ],
)
def test_every_kind_of_parameter_has_its_field(name, kind, default, choices):
    field = BY_NAME[name]
    assert (field.kind, field.default, field.choices) == (kind, default, choices)
    assert field.meaning == f"what {name} means"
    assert field.key == f"p_{name}"


def test_a_form_as_it_is_opened_says_the_defaults():
    held = {field.key: runbooks.empty(field) for field in FIELDS}
    assert runbooks.given(FIELDS, held) == {
        "strategy": None,
        "note": "as usual",
        "hours": 24,
        "share": 0.5,
        "apply": False,
        "since": "2026-11-01",
        "how": "one",
        "many": "1",
    }


def test_an_emptied_field_is_none_where_that_is_allowed_and_else_left_to_its_default():
    held = {"p_strategy": "  ", "p_note": " ", "p_hours": None, "p_since": date(2026, 1, 2)}
    said = runbooks.given(FIELDS, held)
    assert said["strategy"] is None
    assert said["since"] == "2026-01-02"
    assert not {"note", "hours"} & set(said)


def test_what_is_needed_and_missing_is_told_at_its_field():
    said = runbooks.given(FIELDS, {})
    assert list(runbooks.lacking(FIELDS, said)) == ["sure"]
    assert "what sure means" in runbooks.lacking(FIELDS, said)["sure"]
    wrong = runbooks.lacking(FIELDS, {**said, "sure": "true", "hours": 2**60, "how": "third"})
    assert list(wrong) == ["hours", "how"]
    assert "one, other" in wrong["how"]


@pytest.mark.parametrize(
    ("told", "field"),
    [("hours", "hours"), ("parameters.hours", "hours"), ("token", None), (None, None)],
)
def test_an_error_finds_its_field_however_its_place_is_named(told, field):
    assert runbooks.at_field(FIELDS, told) == field


def test_a_command_of_a_result_opens_the_form_that_it_runs():
    command = "tradingkb runbook run 02_rebuild -p workspace=desk -p 'note=a b' -p dry_run=false"
    assert runbooks.of_command(command) == Opens("02_rebuild", "desk", {"note": "a b"})


@pytest.mark.parametrize(
    "command",
    [
        "tradingkb calibrate",
        "tradingkb runbook run",
        "tradingkb runbook run --help",
        "tradingkb runbook run 'unfinished",
        "curl -X POST http://localhost:8000",
        "",
    ],
)
def test_other_commands_open_nothing(command):
    assert runbooks.of_command(command) is None


def test_a_problem_opens_its_runbook_with_its_parameters():
    problem = {"runbook": "04_none", "parameters": {"workspace": "desk", "strategy": "x", "n": 2}}
    opens = runbooks.of_problem(problem)
    assert opens == Opens("04_none", "desk", {"strategy": "x", "n": "2"})
    assert runbooks.link(opens) == {
        "runbook": "04_none",
        "workspace": "desk",
        "p_strategy": "x",
        "p_n": "2",
    }


def test_a_run_opens_the_form_as_it_had_it():
    asked = {"workspace": "desk", "dry_run": True, "apply": True, "share": 0.1, "strategy": None}
    run = {"runbook": "04_none", "workspace": "desk", "parameters": asked}
    assert runbooks.of_run(run) == Opens("04_none", "desk", {"apply": "true", "share": "0.1"})


def test_a_link_fills_every_kind_of_field_and_what_has_no_place_is_told():
    told = {
        **{"strategy": "bb", "hours": "6", "share": "0.25", "apply": "true", "how": "other"},
        **{"since": "2026-02-03", "many": "2", "sure": "false"},
    }
    held, lost = runbooks.filled(FIELDS, Opens("04_none", None, told))
    assert lost == []
    assert held == {
        "p_strategy": "bb",
        "p_note": "as usual",
        "p_hours": 6,
        "p_share": 0.25,
        "p_apply": True,
        "p_since": date(2026, 2, 3),
        "p_how": "other",
        "p_many": "2",
        "p_sure": "false",
    }
    wrong = {"hours": "six", "apply": "perhaps", "how": "third", "since": "then", "luck": "1"}
    held, lost = runbooks.filled(FIELDS, Opens("04_none", None, wrong))
    assert sorted(lost) == sorted(f"{name}={text}" for name, text in wrong.items())
    assert held == {field.key: runbooks.empty(field) for field in FIELDS}


UNTIL = runbooks.fields({"parameters": [parameter("until", "datetime", None, optional=True)]})


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (" 2026-02-03T04:05Z ", "2026-02-03T04:05:00+00:00"),
        ("2026-02-03T04:05:06.000000Z", "2026-02-03T04:05:06+00:00"),
        ("2026-02-03T04:05", "2026-02-03T04:05:00+00:00"),
        ("2026-02-03T04:05+02:00", "2026-02-03T04:05:00+02:00"),
        ("", None),
    ],
)
def test_a_time_is_said_as_runs_hold_it_however_it_is_written(typed, said):
    asked = runbooks.given(UNTIL, {"p_until": typed})
    assert asked == {"until": said}
    assert runbooks.lacking(UNTIL, asked) == {}


def test_a_text_that_is_no_time_is_told_at_its_field_and_no_link_fills_it_in():
    said = runbooks.given(UNTIL, {"p_until": "yesterday"})
    assert "no ISO time such as 2026-11-28T17:30Z" in runbooks.lacking(UNTIL, said)["until"]
    held, lost = runbooks.filled(UNTIL, Opens("04_none", None, {"until": "yesterday"}))
    assert (held, lost) == ({"p_until": ""}, ["until=yesterday"])
    text = "2026-02-03T04:05:06.000000Z"
    assert runbooks.filled(UNTIL, Opens("x", None, {"until": text})) == ({"p_until": text}, [])


def test_a_confirmation_is_of_exactly_what_the_form_says():
    meant = Meant("04_none", "abc", {"hours": 24})
    assert runbooks.still_meant(meant, Meant("04_none", "abc", {"hours": 24}))
    assert not runbooks.still_meant(meant, Meant("04_none", "abc", {"hours": 25}))
    assert not runbooks.still_meant(meant, Meant("04_none", "abd", {"hours": 24}))
    assert not runbooks.still_meant(None, meant)


def test_what_will_be_run_reads_as_the_options_of_the_command():
    said = runbooks.said_text({"note": "a b", "apply": True, "hours": 24, "strategy": None})
    assert said == "-p note='a b' -p apply=true -p hours=24"


def test_the_catalogue_says_what_each_is_for_and_whether_it_changes_something():
    assert runbooks.catalogue_rows([BOOK]) == [
        ("04_none", "Nothing", "Why not?", "KbStatusNone", "yes, unless it is a dry run")
    ]
    quiet = {**BOOK, "alerts": [], "destructive": False}
    assert runbooks.catalogue_rows([quiet]) == [("04_none", "Nothing", "Why not?", "none", "no")]
    assert runbooks.found([BOOK], "04_none") is BOOK
    assert runbooks.found([BOOK], None) is None


def test_a_field_without_a_default_is_empty():
    field = Field("n", "whole", "a number", None, required=True)
    assert runbooks.empty(field) is None
    assert runbooks.given([field], {}) == {}
