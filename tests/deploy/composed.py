"""compose.yaml as docker compose reads it: variables filled in, then YAML."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
TEXT: Final = (ROOT / "compose.yaml").read_text(encoding="utf-8")
#: What `make up` has written into .env.
FILLED: Final = {
    "POSTGRES_PASSWORD": "pg0secret",
    "REDIS_PASSWORD": "redis0secret",
    "ADMIN_TOKEN": "admin0secret",
    "TRADINGKB_ENV_GID": "1000",
}
_NAME: Final = re.compile(r"\$(?:\$|(?P<bare>\w+)|\{(?P<name>\w+)(?P<rest>:?[-?+])?)")


class MissingError(Exception):
    """A variable that has to be given is not."""


def filled(text: str, env: Mapping[str, str]) -> str:
    """A text with its variables: ${A}, ${A:-default}, ${A:?message}, $$, one within another.

    Raises:
        MissingError: a variable with `:?` has no value.
    """
    made, place = "", 0
    while found := _NAME.search(text, place):
        made += text[place : found.start()]
        if found[0] == "$$":
            made, place = made + "$", found.end()
        elif found["bare"]:
            made, place = made + env.get(found["bare"], ""), found.end()
        else:
            end = _end(text, found.end())
            made += _value(found["name"], found["rest"] or "", text[found.end() : end], env)
            place = end + 1
    return made + text[place:]


def _end(text: str, place: int) -> int:
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        place += 1
    return place - 1


def _value(name: str, rest: str, word: str, env: Mapping[str, str]) -> str:
    if value := env.get(name):
        return value
    if rest == ":?":
        raise MissingError(f"{name}: {word}")
    assert rest in ("", ":-"), rest
    return filled(word, env)


def asked(text: str) -> set[str]:
    """The variables that a text asks for, and those that it hands on from outside."""
    handed = set(re.findall(r"^ +([A-Z_]+):$", text, re.MULTILINE))
    return handed | {found["name"] for found in _NAME.finditer(text) if found["name"]}


def composed(env: Mapping[str, str] = FILLED) -> dict[str, Any]:
    """The whole of compose.yaml."""
    return copy.deepcopy(_loaded(tuple(sorted(env.items()))))


@functools.cache
def _loaded(env: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return yaml.load(filled(TEXT, dict(env)), yaml.CSafeLoader)


def service(name: str, env: Mapping[str, str] = FILLED) -> dict[str, Any]:
    """One service of it."""
    return composed(env)["services"][name]


def environment(name: str, env: Mapping[str, str] = FILLED) -> dict[str, str]:
    """What a service has in its environment; variables without a value come from outside."""
    given = service(name, env).get("environment", {})
    values = {key: env.get(key) if value is None else value for key, value in given.items()}
    return {key: value for key, value in values.items() if value is not None}


def seconds(text: str) -> float:
    """A duration of compose.yaml."""
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]
