"""The job "reembed": a workspace's trials are embedded anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tradingkb.exceptions import ConfigurationError, InvalidInputError
from tradingkb.indexing import Reembedder
from tradingkb.jobs import read_arguments
from tradingkb.ports import EmbedderFactory, Job
from tradingkb.progress import Progress
from tradingkb.workspaces import Workspaces, check_collection

_ARGUMENTS: Final[Mapping[str, tuple[type, Any]]] = {
    "target_model": (str, None),
    "target_collection": (str, None),
    "restart": (bool, False),
}


class ReembedJob:
    """A kind of job: `kb.reembed()`, with its arguments."""

    def __init__(
        self,
        workspaces: Workspaces,
        reembedder: Reembedder,
        embedders: EmbedderFactory,
        set_alias: Callable[[], None],
    ) -> None:
        """Takes what does it; `set_alias` is called at its end."""
        self._workspaces = workspaces
        self._reembedder = reembedder
        self._embedders = embedders
        self._set_alias = set_alias

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """target_model, target_collection, restart; None and False where they are not given.

        Raises:
            NotFoundError: another argument.
            InvalidInputError: one of another type, an unknown model, or no name of a collection.
        """
        read = read_arguments(arguments, _ARGUMENTS)
        check_collection(read["target_collection"], "target_collection")
        if read["target_model"] is not None:
            try:
                self._embedders(read["target_model"], None)
            except ConfigurationError as error:
                raise InvalidInputError(
                    str(error), field="target_model", remedy="name one that is known here"
                ) from None
        return read

    def run(self, job: Job, progress: Progress) -> Mapping[str, Any]:
        """Embeds; the report. One that goes on with its own work does not begin anew."""
        active = self._workspaces.named(job.workspace_id)
        given = job.arguments
        target = self._workspaces.chosen(active, given["target_model"], given["target_collection"])
        # It has told of progress, so its run is recorded: an interrupted one is its own.
        begun = job.progress_total is not None
        report = self._reembedder.run(
            target, restart=given["restart"] and not begun, progress=progress
        )
        self._set_alias()
        return report.to_dict()
