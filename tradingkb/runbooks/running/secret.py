"""Secrets of a run, and texts without them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from tradingkb.masking import MASK
from tradingkb.settings import Settings, is_address

#: Anything shorter is a word of every text.
_SHORTEST: Final = 4
#: A parameter of this ending names a variable of the environment that holds a secret.
_NAMES_SECRET: Final = "_env"
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s,]+")
_IN_HTML: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
)


class Secrets:
    """What must not be told, and how texts are told without it."""

    def __init__(self, values: Iterable[str]) -> None:
        """Takes the secrets; those of fewer than four characters cannot be told from words."""
        forms = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
        self._forms = sorted(forms, key=len, reverse=True)  # what holds another one goes first

    def masked(self, text: str) -> str:
        """The text without them."""
        return reduce(lambda found, form: found.replace(form, MASK), self._forms, text)

    def of(self, value: Any) -> Any:
        """A JSON form without them in any of its texts."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.masked(value)
        if isinstance(value, Mapping):
            return {name: self.of(one) for name, one in value.items()}
        return [self.of(one) for one in value] if isinstance(value, list | tuple) else value

    def wipe(self, node: Any) -> None:
        """Takes them out of a notebook, or a part of one, as it stands in memory."""
        if not self._forms:
            return
        names = range(len(node)) if isinstance(node, list) else list(node)
        for name in names:
            value = node[name]
            if isinstance(value, str):
                node[name] = self.masked(value)
            elif isinstance(value, dict | list):
                self.wipe(value)


def secrets_of(
    settings: Settings,
    parameters: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
) -> Secrets:
    """The secrets of a run: those of its settings, and those in and behind its parameters.

    A parameter may be a URL with credentials, and may name a variable that holds a secret.
    """
    outside = os.environ if environment is None else environment
    found: list[str] = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if not field.repr:
            found += _texts(value)
        if isinstance(value, str) and (is_address(name) or not field.repr):
            found += _password(value)
    for name, value in parameters.items():
        if name.endswith(_NAMES_SECRET) and isinstance(value, str):
            found += _texts(outside.get(value))
    return Secrets([*found, *_all_credentials(parameters)])


def without_credentials(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they may be told, without what opens the URLs among them."""
    return {**Secrets(_all_credentials(parameters)).of(parameters)}


def _all_credentials(parameters: Mapping[str, Any]) -> list[str]:
    texts = [value for value in parameters.values() if isinstance(value, str)]
    return [word for text in texts for url in _URL.findall(text) for word in _credentials(url)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return list(map(str, value.values())) if isinstance(value, Mapping) else []


def _password(url: str) -> list[str]:
    """The password of a URL; one that is the name of its user or database is no secret."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return []
    if password is None or unquote(password) in (parts.username, parts.path.strip("/")):
        return []
    return [password, unquote(password)]


def _credentials(url: str) -> list[str]:
    """The password of a URL, and what the URL of a web server has instead of a user and one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    token = parts.username if parts.password is None and parts.scheme in ("http", "https") else None
    return [*_password(url), *([token, unquote(token)] if token else [])]


def _forms(value: str) -> set[str]:
    """As it stands in texts, JSON, URLs, HTML and representations."""
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe=""),
        value.translate(_IN_HTML),
        repr(value)[1:-1],
    }
