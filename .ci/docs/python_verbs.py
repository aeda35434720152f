"""The Python page: the verbs of `KnowledgeBase`, and the fields of what they return."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Iterator
from typing import Any

from docstrings import meanings, summary
from pages import code, table


def front_door() -> str:
    """A table of the names of `tradingkb`."""
    import tradingkb

    rows = [(code(f"tkb.{n}"), summary(getattr(tradingkb, n))) for n in sorted(tradingkb.__all__)]
    return table(("name", "what it is"), rows)


def verbs() -> str:
    """The verbs of a knowledge base in the order of the class, with their signatures."""
    from tradingkb import KnowledgeBase, connect, migrate_store

    lines = [_verb("tkb.connect", connect), _verb("tkb.migrate_store", migrate_store)]
    lines += [_verb(f"kb.{name}", verb) for name, verb in _verbs(KnowledgeBase)]
    return "\n\n".join(lines)


def answer_fields() -> str:
    """A table of the fields of an answer."""
    from tradingkb import Recommendation

    return _fields(Recommendation)


def explanation_fields() -> str:
    """A table of the fields of an explanation."""
    from tradingkb import Explanation

    return _fields(Explanation, meanings(_answer()))


def part_fields() -> str:
    """For each part of an answer its fields."""
    return "\n\n".join(
        f"### {kind.__name__}\n\n{summary(kind)}\n\n{_fields(kind, _shared(kind))}"
        for kind in _parts()
    )


def report_fields() -> str:
    """For each report of a verb its fields."""
    return "\n\n".join(
        f"### {kind.__name__}\n\n{summary(kind)} Of {', '.join(code(v) for v in of)}."
        f"\n\n{_fields(kind)}"
        for kind, of in _reports().items()
    )


def _answer() -> Any:
    from tradingkb import Recommendation

    return Recommendation


def _verbs(kind: type) -> list[tuple[str, Any]]:
    """Those of a class, then those of the classes that it is made of."""
    return [verb for part in kind.__mro__ for verb in _public(part)]


def _public(kind: type) -> list[tuple[str, Any]]:
    return [(n, f) for n, f in vars(kind).items() if inspect.isfunction(f) and n[0] != "_"]


def _verb(name: str, verb: Any) -> str:
    signature = inspect.signature(verb)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    returns = _type(signature.return_annotation)
    one = f"{name}({', '.join(map(_parameter, parameters))}) -> {returns}"
    if len(one) > 96:
        inside = "".join(f"    {part},\n" for part in _with_stars(parameters))
        one = f"{name}(\n{inside}) -> {returns}"
    else:
        one = f"{name}({', '.join(_with_stars(parameters))}) -> {returns}"
    return f"{summary(verb)}\n\n```text\n{one}\n```"


def _with_stars(parameters: list[inspect.Parameter]) -> Iterator[str]:
    """The parameters as a definition has them, the star before those that need their name."""
    star = False
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        yield _parameter(parameter)


def _parameter(parameter: inspect.Parameter) -> str:
    stars = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else ""
    text = f"{stars}{parameter.name}: {_type(parameter.annotation)}"
    default = parameter.default
    if default is inspect.Parameter.empty:
        return text
    return f"{text} = {'...' if callable(default) else repr(default)}"


def _type(annotation: Any) -> str:
    if annotation is inspect.Signature.empty:
        return "None"
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return text or str(annotation)


def _fields(kind: Any, shared: dict[str, str] | None = None) -> str:
    """A table of fields; those that share a text stand in one row."""
    said = (shared or {}) | meanings(kind)
    grouped: dict[str, list[Any]] = {}
    for field in dataclasses.fields(kind):
        grouped.setdefault(said.get(field.name) or field.name, []).append(field)
    rows = [
        (
            ", ".join(code(f.name) for f in fields),
            ", ".join(dict.fromkeys(code(f.type) for f in fields)),
            said.get(fields[0].name, ""),
        )
        for fields in grouped.values()
    ]
    return table(("field", "type", "meaning"), rows)


def _parts() -> list[Any]:
    """The typed parts that answers and explanations are made of, in the order of their use."""
    from tradingkb import Explanation, Recommendation
    from tradingkb.domain import Part

    found: dict[Any, None] = {}

    def visit(kind: Any) -> None:
        for hint in typing.get_type_hints(kind).values():
            for part in _inside(hint):
                if issubclass(part, Part) and part not in found:
                    found[part] = None
                    visit(part)

    visit(Recommendation)
    visit(Explanation)
    return list(found)


def _inside(hint: Any) -> Iterator[type]:
    if isinstance(hint, type):
        yield hint
    for argument in typing.get_args(hint):
        yield from _inside(argument)


def _shared(kind: Any) -> dict[str, str]:
    """A part that repeats fields of the answer says only what is its own."""
    return meanings(_answer()) if kind.__name__ == "Recommended" else {}


def _reports() -> dict[Any, list[str]]:
    from tradingkb import Explanation, KnowledgeBase, Recommendation, migrate_store

    found: dict[Any, list[str]] = {}
    verbs = [(f"kb.{name}", verb) for name, verb in _verbs(KnowledgeBase)]
    for name, verb in [*verbs, ("tkb.migrate_store", migrate_store)]:
        kind = typing.get_type_hints(verb).get("return")
        if dataclasses.is_dataclass(kind) and kind not in (Recommendation, Explanation):
            found.setdefault(kind, []).append(name)
    return {k: v for k, v in found.items() if meanings(k)}
