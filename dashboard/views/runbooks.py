"""Runbooks as pages have them: fields of a form, what was filled in, links that fill it; pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from dashboard.views.numbers import literal

#: Parameters that the page itself says: the workspace of the sidebar, and which button it was.
OF_THE_PAGE: Final = ("workspace", "dry_run")
#: Kinds of fields by the kinds of parameters.
_KINDS: Final = {
    "str": "text",
    "choice": "choice",
    "int": "whole",
    "float": "number",
    "bool": "flag",
    "date": "date",
    "datetime": "time",
}
#: How a time is written.
A_TIME: Final = "2026-11-28T17:30Z"
_PREFIX: Final = "p_"
#: The beginning of a command that runs a runbook.
_COMMAND: Final = ("tradingkb", "runbook", "run")
#: Largest whole number that a browser holds exactly.
_LARGEST: Final = 2**53 - 1


@dataclass(frozen=True)
class Field:
    """One field of the form.

    Attributes:
        name: of the parameter.
        kind: text, choice, whole, number, flag, date or time (a text, in ISO form).
        meaning: what it means, with its unit.
        default: what stands in it; None where it is empty.
        required: whether something has to stand in it.
        optional: whether an empty one says None; else it says nothing, and the default holds.
        choices: of a choice.
    """

    name: str
    kind: str
    meaning: str
    default: Any
    required: bool = False
    optional: bool = False
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Of its widget, which is its parameter in the URL."""
        return key_of(self.name)


@dataclass(frozen=True)
class Opens:
    """What a link opens the form with.

    Attributes:
        runbook: its name.
        workspace: slug or id; None where it is the one that is looked at.
        parameters: texts by name.
    """

    runbook: str
    workspace: str | None
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class Meant:
    """What somebody is about to run, and has not confirmed yet.

    Attributes:
        runbook: its name.
        version: of its notebook.
        parameters: all of them.
    """

    runbook: str
    version: str
    parameters: Mapping[str, Any]


def key_of(name: str) -> str:
    """The key of a parameter's widget; parameters of pages have no such beginning."""
    return f"{_PREFIX}{name}"


def is_key(key: str) -> bool:
    """Whether a key is that of a parameter."""
    return key.startswith(_PREFIX)


def found(catalogue: Sequence[Mapping[str, Any]], name: str | None) -> Mapping[str, Any] | None:
    """The runbook of that name."""
    return next((one for one in catalogue if one["name"] == name), None)


def catalogue_rows(catalogue: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """What each is called and for, which alerts lead to it, and whether it can destroy."""
    return [
        (
            str(one["name"]),
            str(one["title"]),
            without_marks(one["purpose"]),
            ", ".join(one["alerts"]) or "none",
            "yes, unless it is a dry run" if one["destructive"] else "no",
        )
        for one in catalogue
    ]


def without_marks(text: str) -> str:
    """Markdown of a notebook where only text is shown."""
    return re.sub(r"[`*]+", "", " ".join(text.split()))


def fields(runbook: Mapping[str, Any]) -> list[Field]:
    """The fields of a runbook's form, in the order of its notebook."""
    return [_field(one) for one in runbook["parameters"] if one["name"] not in OF_THE_PAGE]


def _field(parameter: Mapping[str, Any]) -> Field:
    kind = _KINDS[str(parameter["kind"])]
    # A truth value that may be None as well has a third choice.
    choices = tuple(map(str, parameter["choices"]))
    if kind == "flag" and (parameter["optional"] or parameter["required"]):
        kind, choices = "choice", ("true", "false")
    return Field(
        str(parameter["name"]),
        kind,
        str(parameter["meaning"]),
        _default(parameter["default"], kind),
        bool(parameter["required"]),
        bool(parameter["optional"]),
        choices,
    )


def _default(value: Any, kind: str) -> Any:
    """What stands in a field of a kind."""
    if value is None or kind == "flag":
        return value
    if kind == "date":
        return date.fromisoformat(str(value))
    if kind in ("whole", "number"):
        return int(value) if kind == "whole" else float(value)
    return text_of(value)


def empty(field: Field) -> Any:
    """What the widget of a field holds before anything is filled in."""
    if field.kind in ("text", "time"):
        return field.default or ""
    return bool(field.default) if field.kind == "flag" else field.default


def given(of: Sequence[Field], held: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a form says.

    Args:
        of: the form.
        held: what its widgets hold, by key.
    """
    said = {field.name: _said(field, held.get(field.key, empty(field))) for field in of}
    left_out = {field.name for field in of if not field.optional and said[field.name] is None}
    return {name: value for name, value in said.items() if name not in left_out}


def _said(field: Field, value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip() or None
        # As runs hold it: a dry run of the same time is found, however that was written.
        return (_iso_time(text) or text) if text and field.kind == "time" else text
    return value.isoformat() if isinstance(value, date) else value


def _iso_time(text: str) -> str | None:
    """A time as notebooks are given it, of UTC where it says nothing else; None for no time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def lacking(of: Sequence[Field], said: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a form, by field, before anybody is asked.

    The notebook's own check decides; this only saves a question that it would refuse.
    """
    wrong: dict[str, str] = {}
    for field in of:
        value = said.get(field.name)
        if value is None and field.required and not field.optional:
            wrong[field.name] = f"{field.name} is needed: {field.meaning or 'give a value'}"
        elif field.kind == "whole" and value is not None and abs(value) > _LARGEST:
            wrong[field.name] = f"{field.name} is larger than a page can hold exactly"
        elif field.kind == "choice" and value is not None and value not in field.choices:
            wrong[field.name] = f"{field.name} is one of {', '.join(field.choices)}"
        elif field.kind == "time" and value is not None and _iso_time(value) is None:
            wrong[field.name] = f"{field.name} is no ISO time such as {A_TIME}"
    return wrong


def at_field(of: Sequence[Field], field: str | None) -> str | None:
    """The parameter that an error is about: its place may be named in several ways."""
    names = {one.name for one in of}
    last = str(field or "").rpartition(".")[2]
    return last if last in names else None


def link(opens: Opens) -> dict[str, str]:
    """Parameters of the URL that open the form like this."""
    where = {"workspace": opens.workspace} if opens.workspace else {}
    return {
        "runbook": opens.runbook,
        **where,
        **{key_of(name): text for name, text in opens.parameters.items()},
    }


def of_problem(problem: Mapping[str, Any]) -> Opens:
    """What the link from an open problem opens."""
    told = {str(k): text_of(v) for k, v in problem["parameters"].items() if v is not None}
    workspace = told.pop("workspace", None)
    told.pop("dry_run", None)
    return Opens(str(problem["runbook"]), workspace, told)


def of_run(run: Mapping[str, Any]) -> Opens:
    """What opens the form as a run had it filled in."""
    told = {str(k): text_of(v) for k, v in run["parameters"].items() if v is not None}
    for name in OF_THE_PAGE:
        told.pop(name, None)
    return Opens(str(run["runbook"]), str(run["workspace"]), told)


def of_command(command: str) -> Opens | None:
    """What a command that runs a runbook opens; None for any other command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if tuple(words[:3]) != _COMMAND or len(words) < 4 or words[3].startswith("-"):
        return None
    told: dict[str, str] = {}
    rest = iter(words[4:])
    for word in rest:
        said = next(rest, "") if word in ("-p", "--parameter") else ""
        name, mark, value = said.partition("=")
        if mark:
            told[name] = value
    workspace = told.pop("workspace", None)
    told.pop("dry_run", None)
    return Opens(words[3], workspace, told)


def text_of(value: Any) -> str:
    """A parameter as a link says it: as JSON does, texts without quotes."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool) else literal(value)


def filled(of: Sequence[Field], opens: Opens) -> tuple[dict[str, Any], list[str]]:
    """What the widgets of a form hold when it is opened like this, and what had no place there."""
    held: dict[str, Any] = {}
    lost = [f"{n}={t}" for n, t in opens.parameters.items() if n not in {f.name for f in of}]
    for field in of:
        held[field.key] = empty(field)
        text = opens.parameters.get(field.name)
        if text is None:
            continue
        value = _read(field, text)
        if value is None:
            lost.append(f"{field.name}={text}")
        else:
            held[field.key] = value
    return held, lost


def _read(field: Field, text: str) -> Any:
    """What a text says of a field; None where it says nothing that has a place there."""
    if field.kind == "flag":
        return {"true": True, "false": False}.get(text.lower())
    if field.kind == "choice":
        return text if text in field.choices else None
    if field.kind == "time":
        return text if _iso_time(text) else None
    try:
        return _default(text, field.kind)
    except ValueError:
        return None


def still_meant(meant: Meant | None, now: Meant) -> bool:
    """Whether a confirmation is of exactly what the form says now."""
    return meant is not None and meant == now


def said_text(parameters: Mapping[str, Any]) -> str:
    """Parameters as options of the command; those that are None are left out."""
    said = {name: text_of(value) for name, value in parameters.items() if value is not None}
    options = (f"{name}={shlex.quote(text)}" for name, text in said.items())
    return " ".join(f"-p {option}" for option in options)
