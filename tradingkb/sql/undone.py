"""Transactions that the database undid to let another one go on: run again, once.

PostgreSQL ends one of two that wait for each other. Rows are locked in one order, so that few do;
what cannot be ordered from here (indexes, foreign keys, several steps in one transaction) is left.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

from tradingkb.exceptions import BackendUnavailableError
from tradingkb.sql.engine import is_joined
from tradingkb.sql.faults import was_undone

T = TypeVar("T")
P = ParamSpec("P")


class _Owner(Protocol):
    engine: sa.Engine


S = TypeVar("S", bound=_Owner)


def redone(write: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method that is one transaction and does nothing else: run again where that was undone.

    Inside another transaction it is run once: all of that is gone, and its owner's to run again.
    """

    @wraps(write)
    def run(owner: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return write(owner, *args, **kwargs)
        except BackendUnavailableError as error:
            if not was_undone(error) or is_joined(owner.engine):
                raise
        return write(owner, *args, **kwargs)

    return run
