"""The parameters of a runbook: read from its cell, and values checked against them."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Final, Literal, Union

from tradingkb.exceptions import ConfigurationError, InvalidInputError, NotFoundError

_KINDS: Final[Mapping[str, type]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "date": date,
    "datetime": datetime,
}
_REMEDY: Final = "write `name: type = default  # meaning`, of " + ", ".join(
    (*_KINDS, "Literal['one', 'other']", "each of them | None")
)
#: The lines of a cell that are no parameters: what the types of the others need.
_IMPORTS: Final = (
    "from typing import Literal",
    "from datetime import date",
    "from datetime import datetime",
    "from datetime import date, datetime",
)
#: How nothing is written where only text can be given.
_NOTHING: Final = ("", "none", "null")


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: of the variable in the notebook.
        kind: "str", "int", "float", "bool", "date", "datetime" (both given as ISO text) or
            "choice".
        optional: whether it may be None.
        default: its value where none is given; None where it is required, too.
        required: whether a value has to be given.
        choices: of a "choice", what it may be.
        meaning: with its unit.
    """

    name: str
    kind: str
    optional: bool
    default: Any
    required: bool
    choices: tuple[Any, ...]
    meaning: str

    @property
    def type(self) -> str:
        """As it is written in the notebook."""
        shown = f"Literal[{', '.join(map(repr, self.choices))}]" if self.choices else self.kind
        return f"{shown} | None" if self.optional else shown

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {
            "name": self.name,
            "type": self.type,
            "kind": self.kind,
            "optional": self.optional,
            "default": self.default,
            "required": self.required,
            "choices": list(self.choices),
            "meaning": self.meaning,
        }


def read_parameters(source: str, where: str) -> tuple[Parameter, ...]:
    """The parameters of a cell, which may import what their types need and nothing else.

    Args:
        source: of the cell.
        where: the notebook, for messages.

    Raises:
        ConfigurationError: a line that is no parameter, has no meaning or a default of another
            type; names the line.
    """
    try:
        lines = [line for line in ast.parse(source).body if ast.unparse(line) not in _IMPORTS]
    except SyntaxError as error:
        raise _wrong(where, error.lineno or 1, f"is no Python: {error.msg}") from None
    meanings = dict(_comments(source))
    found = tuple(_parameter(line, meanings, where) for line in lines)
    names = [one.name for one in found]
    for line, name in zip(lines, names, strict=True):
        if names.count(name) > 1:
            raise _wrong(where, line.lineno, f"{name} is there twice")
    for one, line in zip(found, lines, strict=True):
        if not one.required:
            try:
                checked((one,), {one.name: one.default})
            except InvalidInputError as error:
                raise _wrong(where, line.lineno, f"the default is wrong: {error}") from None
    return found


def checked(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """All values: those that are given, in their types, and the defaults of the others.

    A text may stand for every type, as on a command line. Dates and times stay ISO text, which is
    what a notebook is given; a time without an offset is UTC.

    Raises:
        NotFoundError: a name that is no parameter; names those that are near.
        InvalidInputError: a value is missing, or is not of its type; `field` is the parameter.
    """
    names = [one.name for one in parameters]
    for name in given:
        if name not in names:
            raise NotFoundError("parameter", name, names)
    for one in parameters:
        if one.required and one.name not in given:
            raise InvalidInputError(
                f"a value is missing ({one.type}: {one.meaning})",
                field=one.name,
                remedy=f"give it as -p {one.name}=...",
            )
    return _validated(parameters, {name: _untexted(name, given, parameters) for name in given})


def _validated(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    try:
        found = _model(tuple(parameters)).model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        one = next(p for p in parameters if p.name == name)
        raise InvalidInputError(
            f"{given[name]!r}: {first['msg'].removeprefix('Value error, ')}",
            field=name,
            remedy=f"it is {one.type}: {one.meaning}",
        ) from None
    return {one.name: _plain(getattr(found, one.name)) for one in parameters}


@cache
def _model(parameters: tuple[Parameter, ...]) -> Any:
    from pydantic import ConfigDict, Field, create_model

    fields: dict[str, Any] = {
        one.name: (_annotation(one), Field(one.default, validate_default=True))
        for one in parameters
    }
    settings = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
    return create_model("Parameters", __config__=settings, **fields)


def _annotation(one: Parameter) -> Any:
    from pydantic import BeforeValidator

    before = {"int": _no_truth, "float": _no_truth, "date": _date, "datetime": _time}.get(one.kind)
    kind: Any = Literal[one.choices] if one.kind == "choice" else _KINDS[one.kind]
    if before is not None:
        kind = Annotated[kind, BeforeValidator(before)]
    return Union[kind, None] if one.optional else kind  # noqa: UP007 - made of a value


def _untexted(name: str, given: Mapping[str, Any], parameters: Sequence[Parameter]) -> Any:
    """What a command line gives as text."""
    value = given[name]
    one = next(p for p in parameters if p.name == name)
    if not isinstance(value, str):
        return value
    if one.optional and one.kind != "str" and value.strip().lower() in _NOTHING:
        return None
    if one.kind == "choice":
        return next((choice for choice in one.choices if str(choice) == value), value)
    return value


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is a truth value, and a number is wanted")
    return value


def _date(value: Any) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("is no ISO date such as 2026-11-28") from None


def _time(value: Any) -> datetime:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("is no ISO time such as 2026-11-28T17:30Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _parameter(line: ast.stmt, meanings: Mapping[int, str], where: str) -> Parameter:
    if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)):
        raise _wrong(where, line.lineno, "is no parameter")
    name = line.target.id
    if name.startswith("_"):
        raise _wrong(where, line.lineno, f"{name} begins with an underscore")
    meaning = meanings.get(line.end_lineno or line.lineno, "")
    if not meaning:
        raise _wrong(where, line.lineno, f"{name} has no meaning")
    kind, choices, optional = _kind(line.annotation, name, line.lineno, where)
    default = None
    if line.value is not None:
        default = _literal(line.value, f"the default of {name} is no literal", line.lineno, where)
    return Parameter(name, kind, optional, default, line.value is None, choices, meaning)


def _kind(node: ast.expr, name: str, lineno: int, where: str) -> tuple[str, tuple[Any, ...], bool]:
    """Kind, choices, and whether None is allowed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):  # "date | None"
        try:
            node = ast.parse(node.value, mode="eval").body
        except SyntaxError:
            raise _wrong(where, lineno, f"the type of {name} is none") from None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        if not (isinstance(node.right, ast.Constant) and node.right.value is None):
            raise _wrong(where, lineno, f"{name} has more than one type")
        kind, choices, _ = _kind(node.left, name, lineno, where)
        return kind, choices, True
    if isinstance(node, ast.Name) and node.id in _KINDS:
        return node.id, (), False
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Literal"
    ):
        value = _literal(node.slice, f"the choices of {name} are no literals", lineno, where)
        return "choice", value if isinstance(value, tuple) else (value,), False
    raise _wrong(where, lineno, f"the type of {name} is not known")


def _literal(node: ast.expr, otherwise: str, lineno: int, where: str) -> Any:
    """A text, a number, a truth value or None; several of them between commas."""
    try:
        value = ast.literal_eval(node)
        hash(value)  # no list, and no table
    except (ValueError, TypeError):
        raise _wrong(where, lineno, otherwise) from None
    return value


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comment behind code."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
            yield token.start[0], token.string.lstrip("# ").strip()


def _wrong(where: str, line: int, what: str) -> ConfigurationError:
    return ConfigurationError(f"{where}, parameters cell, line {line}: {what} ({_REMEDY})")
