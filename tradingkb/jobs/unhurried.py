"""Verbs that take long."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Self = TypeVar("_Self")


def takes_long(
    verb: Callable[Concatenate[_Self, _P], _R],
) -> Callable[Concatenate[_Self, _P], _R]:
    """A verb of the knowledge base without deadlines for what it asks of the store.

    What a question asks has them.
    """

    @wraps(verb)
    def unhurried(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.use_cases.store.unhurried():
            return verb(self, *args, **kwargs)

    return unhurried
