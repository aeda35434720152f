"""The door of the database: every transaction passes here.

The body of a transaction is run by its caller and cannot be run again from here. So reaching the
database is tried again, and so are whole reads that a use case hands over as a function; inside
such a read the transactions tell the breaker nothing of a failure until the last attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from tradingkb.ports import patience
from tradingkb.resilience.causes import is_transient
from tradingkb.resilience.guards import Guard

T = TypeVar("T")
C = TypeVar("C")
Judge = Callable[[BaseException], bool]


@dataclass
class _Read:
    """A whole read that may be run again.

    Attributes:
        generation: of the transaction that failed last, until it is known how the read ends.
        in_vain_s: seconds that its transactions took which failed.
    """

    generation: int | None = None
    in_vain_s: float = 0.0


_NONE: Final[Mapping[DatabaseDoor, _Read]] = MappingProxyType({})
#: The whole reads that this thread or task is in.
_READS: Final[ContextVar[Mapping[DatabaseDoor, _Read]]] = ContextVar("_READS", default=_NONE)


class DatabaseDoor:
    """Guards the transactions of one engine."""

    def __init__(self, guard: Guard, *, of_database: Judge, is_contended: Judge) -> None:
        """Stands before a database.

        Args:
            guard: of the database.
            of_database: whether an error is the database's: inside a transaction others may fail.
            is_contended: whether it only says that another one was at work for too long.
        """
        self._of_database = of_database
        self._is_contended = is_contended
        self._guard = guard
        self._breaker = guard.breaker

    def again(self, read: Callable[[], T], /) -> T:
        """Runs a read, again from its beginning when the database was lost during it."""
        if self in _READS.get():
            return read()
        whole = _Read()
        token = _READS.set({**_READS.get(), self: whole})
        try:
            return self._guard.retrying(read, self._lost)
        except BaseException as error:
            if whole.generation is not None and self._lost(error):
                self._guard.tell(whole.generation, error, whole.in_vain_s)
                whole.generation = None
            raise
        finally:
            _READS.reset(token)
            if whole.generation is not None:
                self._breaker.given_up(whole.generation)

    @contextmanager
    def __call__(self, begin: Callable[[], C], write: bool) -> Iterator[C]:
        """One transaction.

        Args:
            begin: connects and begins; may be called again.
            write: whether it waits for other writers: to wait in vain says nothing of the database.

        Raises:
            CircuitOpenError: the database is left alone for a while.
        """
        whole = _READS.get().get(self)
        generation = self._breaker.ask(whole.generation if whole is not None else None)
        if whole is not None:
            whole.generation = None
        started = self._guard.monotonic()
        policy = self._guard.policy
        try:
            # One total for reaching it, whatever is waited for: a place in the pool, an answer of
            # a kept connection, a new one. Retries of whole reads do not begin it anew.
            with patience(policy.total_s - (whole.in_vain_s if whole is not None else 0.0)):
                if whole is None:
                    connection = self._guard.retrying(begin, self._unreachable)
                else:
                    connection = begin()
            taken = self._guard.monotonic() - started
            yield connection
        except BaseException as error:
            self._failed(whole, generation, error, write, self._guard.monotonic() - started)
            raise
        if not write and taken > policy.slow * policy.total_s:
            self._breaker.failed(generation, f"slow: {taken:.1f} s", slow=True)
        else:
            self._breaker.succeeded(generation)

    def _failed(
        self,
        whole: _Read | None,
        generation: int,
        error: BaseException,
        write: bool,
        taken_s: float,
    ) -> None:
        if not isinstance(error, Exception):
            self._breaker.given_up(generation)
        elif not self._lost(error):  # it answered, or what went wrong is none of its business
            self._breaker.succeeded(generation)
        elif write and self._is_contended(error):
            self._breaker.given_up(generation)
        elif whole is not None:
            whole.generation = generation
            whole.in_vain_s += taken_s
        else:
            self._guard.tell(generation, error, taken_s)

    def _lost(self, error: BaseException) -> bool:
        """Whether the database did not answer; what other services say inside is theirs."""
        return is_transient(error) and self._of_database(error)

    def _unreachable(self, error: BaseException) -> bool:
        """Whether connecting may be tried again; whoever waited for a lock has waited enough."""
        return self._lost(error) and not self._is_contended(error)
