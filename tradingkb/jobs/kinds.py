"""Kinds of jobs: what is done, and which arguments it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.ports import Job
from tradingkb.progress import Progress


class Kind(Protocol):
    """What jobs of one kind do."""

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments, with defaults for those that are not given.

        Raises:
            InvalidInputError: an argument that there is not, or of another type.
        """

    def run(self, job: Job, progress: Progress) -> Mapping[str, Any]:
        """Does it, and can be called again after a kill; the result, JSON-ready.

        `progress` raises what must not be caught when the job is to stop.
        """


def read_arguments(
    given: Mapping[str, Any], known: Mapping[str, tuple[type, Any]]
) -> dict[str, Any]:
    """The arguments of a kind by name, each with its type and its default.

    None is the default. `known` is {name: (type, default)}.

    Raises:
        NotFoundError: an argument that there is not, with near names.
        InvalidInputError: one of another type.
    """
    for name, value in given.items():
        if name not in known:
            raise NotFoundError("argument", str(name), known)
        kind = known[name][0]
        if value is not None and type(value) is not kind:
            raise InvalidInputError(
                f"{value!r} is no {'text' if kind is str else kind.__name__}",
                field=name,
                remedy="leave it out for its default",
            )
    read = {name: given.get(name) for name in known}
    return {name: known[name][1] if v is None else v for name, v in read.items()}
