"""What is done around a verb of `KnowledgeBase`, whichever part of it the verb stands in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class _Store(Protocol):
    def unhurried(self) -> AbstractContextManager[None]: ...


class _UseCases(Protocol):
    @property
    def store(self) -> _Store: ...
    @property
    def again(self) -> Callable[[Callable[[], Any]], Any]: ...


class _Delegating(Protocol):
    """A `KnowledgeBase`, or a part of one."""

    @property
    def use_cases(self) -> _UseCases: ...


_S = TypeVar("_S", bound=_Delegating)
_P = ParamSpec("_P")
_R = TypeVar("_R")


def takes_long(
    verb: Callable[Concatenate[_S, _P], _R],
) -> Callable[Concatenate[_S, _P], _R]:
    """What the verb asks of the store has no deadline, unlike what a question asks."""

    @wraps(verb)
    def unhurried(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.use_cases.store.unhurried():
            return verb(self, *args, **kwargs)

    return unhurried


def only_reads(
    verb: Callable[Concatenate[_S, _P], _R],
) -> Callable[Concatenate[_S, _P], _R]:
    """A verb that is run again from its beginning when the database was lost during it."""

    @wraps(verb)
    def again(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        found: _R = self.use_cases.again(partial(verb, self, *args, **kwargs))
        return found

    return again
