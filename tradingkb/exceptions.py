"""One error tree, named by what the reader has to do next.

* `InvalidInputError`: fix the input (row, field and remedy are named).
* `ConfigurationError`: an operator has to change a setting, a path or a version.
* `BackendUnavailableError`: a dependency did not answer; the only branch that is tried again.
* `NotReadyError`: something else has to end or to be done first; trying again at once is no use.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from tradingkb.printable import printable


class TradingKBError(Exception):
    """Root of every error that tradingkb raises on purpose.

    Messages repeat what a user gave: as a text they hold nothing that a terminal would obey.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class InvalidInputError(TradingKBError, ValueError):
    """The caller's input cannot be used as it is.

    Attributes:
        message: what is wrong, without place and remedy.
        field: the column, argument or parameter at fault, where one is.
        row: the 1-based row of the input, where the input has rows.
        remedy: what to do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        row: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message
        self.field = field
        self.row = row
        self.remedy = remedy
        place = ", ".join(
            part for part in (f"row {row}" if row is not None else "", field or "") if part
        )
        text = f"{place}: {message}" if place else message
        super().__init__(f"{text} ({remedy})" if remedy else text)


class InvalidTrialError(InvalidInputError):
    """A trial, or a frame of trials, cannot be ingested."""


class InvalidOHLCVError(InvalidInputError):
    """Price bars are missing, malformed, or too few to measure a regime."""


class InvalidRegimeError(InvalidInputError):
    """A stated regime names an unknown feature or tag, or contradicts itself."""


class InvalidSpecError(InvalidInputError):
    """A strategy specification contradicts itself."""


class InvalidBackupError(InvalidInputError):
    """A file is missing, is no backup, or is a damaged one."""


class NotFoundError(InvalidInputError):
    """A name does not exist; names close to it are suggested.

    `known` is None where there are too many to look at.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str] | None, *, remedy: str = ""
    ) -> None:
        names = sorted(set(known or ()))
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        listing = "" if known is None else _listing(names)
        hint = f"did you mean {' or '.join(near)}?" if near else listing
        super().__init__(
            f"unknown {kind} {name!r}",
            field=kind,
            remedy="; ".join(part for part in (hint, remedy) if part),
        )
        self.name = name
        self.suggestions = near


class UnknownStrategyError(NotFoundError):
    """No spec and no trial of that strategy exist in the workspace."""


class UnknownObjectiveError(NotFoundError):
    """The objective is not in the registry."""


class UnknownWorkspaceError(NotFoundError):
    """No workspace has that slug or id."""


class ConfigurationError(TradingKBError):
    """A setting, path or version must be changed by whoever operates tradingkb."""


class UnembeddableError(ConfigurationError):
    """The embedding model makes no usable vectors of some texts; others of them it can embed.

    Attributes:
        model: which one.
        refused: why, by the place among what was to be embedded, counted from 0.
    """

    def __init__(self, model: str, refused: Mapping[int, str], names: Sequence[str] = ()) -> None:
        self.model = model
        self.refused = dict(refused)
        listed = [names[place] if names else f"text {place + 1}" for place in sorted(refused)]
        why = self.refused[min(refused)]
        super().__init__(
            f"model {model!r} makes no vectors of {_first(listed)}: {why}; everything else was "
            "embedded: choose another model, or run it again once this one can"
        )


class StoreDamagedError(ConfigurationError):
    """The store's file is damaged, or no longer the one that was opened: a backup is needed."""


class DiskFullError(ConfigurationError):
    """There is no room to write; what was to be written can be written once there is."""


class ForkedError(ConfigurationError):
    """What was opened in one process was used in another that was forked from it."""

    def __init__(self) -> None:
        super().__init__(
            "this knowledge base was opened in another process, and neither its connections nor "
            "the threads of Polars survive a fork: start processes with 'spawn' "
            "(multiprocessing.get_context('spawn')), and connect() in the child"
        )


class StoreTooNewError(ConfigurationError):
    """The store was written by a newer release; this one must not touch it."""


class BackendUnavailableError(TradingKBError):
    """A database, vector index or embedder did not answer; it may later."""


class CircuitOpenError(BackendUnavailableError):
    """A backend failed so often that it is left alone for a while; it was not asked this time.

    Attributes:
        service: which one: "db", "qdrant", "ollama" or "redis".
        retry_after_s: seconds until it is asked again, more than 0.
    """

    def __init__(self, service: str, retry_after_s: float, cause: str = "") -> None:
        self.service = service
        self.retry_after_s = retry_after_s
        because = f" after: {cause}" if cause else ""
        super().__init__(
            f"{service}: circuit breaker is open{because}; it is tried again in "
            f"{max(retry_after_s, 0.1):.1f} s"
        )


class NotReadyError(TradingKBError):
    """What was asked for cannot be had yet: another run works on it, or it was never made."""


class DeadlineExceededError(NotReadyError):
    """An answer was not ready by the time that was set for it; later it may be faster."""


class WorkspaceBusyError(NotReadyError):
    """Another ingest or re-embedding of the workspace is running; later it is this one's turn."""


class EmptyCollectionError(NotReadyError):
    """The active vector collection does not exist or holds nothing for the query."""


def code_of(error: TradingKBError | type[TradingKBError]) -> str:
    """An error's name as programs read it: UnknownStrategyError is unknown_strategy."""
    kind = error if isinstance(error, type) else type(error)
    name = kind.__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).replace("TradingKB", "failure").lower()


def _listing(names: list[str]) -> str:
    return f"known: {_first(names)}" if names else "none exist yet"


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
