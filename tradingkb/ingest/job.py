"""The job "ingest": what is stored and eligible is indexed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradingkb.ingest.ingester import Ingester
from tradingkb.ingest.request import IngestRequest
from tradingkb.jobs import read_arguments
from tradingkb.ports import Job, SpecStore
from tradingkb.progress import Progress
from tradingkb.workspaces import Workspaces


class IngestJob:
    """A kind of job: `kb.ingest()`, without trials."""

    def __init__(
        self,
        store: SpecStore,
        workspaces: Workspaces,
        ingester: Ingester,
        set_alias: Callable[[], None],
    ) -> None:
        """Takes what does it; `set_alias` is called at its end."""
        self._store = store
        self._workspaces = workspaces
        self._ingester = ingester
        self._set_alias = set_alias

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """There are none.

        Raises:
            NotFoundError: an argument.
        """
        return read_arguments(arguments, {})

    def run(self, job: Job, progress: Progress) -> Mapping[str, Any]:
        """Indexes; the report."""
        target = self._workspaces.named(job.workspace_id)
        how = (False, False, False, False)
        specs = self._store.specs(target.workspace.id)
        request = IngestRequest(None, None, None, *how, specs=specs)
        report = self._ingester.run(target, request, progress)
        self._set_alias()
        return report.to_dict()
