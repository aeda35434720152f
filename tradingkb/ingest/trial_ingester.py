"""`KBTrialIngester`: ingestion for programs that run an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tradingkb.importers import Const
from tradingkb.ingest.report import IngestReport


@dataclass(frozen=True)
class IngestConfig:
    """How to ingest; see `KnowledgeBase.ingest` for the meaning of each."""

    dry_run: bool = False
    strict: bool = False
    readmit: bool = False
    ohlcv: Any = None
    mapping: Mapping[str, str | Const] | None = None
    replace: bool = False


class Ingests(Protocol):
    """What is asked of a knowledge base."""

    def ingest(
        self,
        trials: Any = None,
        workspace: str = ...,
        ohlcv: Any = None,
        mapping: Mapping[str, str | Const] | None = None,
        dry_run: bool = False,
        strict: bool = False,
        readmit: bool = False,
        replace: bool = False,
    ) -> IngestReport:
        """See `KnowledgeBase.ingest`."""


class KBTrialIngester:
    """Awaitable ingestion over the same synchronous core.

    ```python
    ingester = KBTrialIngester(tradingkb.connect(), config=IngestConfig(dry_run=True))
    result = await ingester.ingest_workspace(workspace_id)
    print(result.inserted, result.updated, result.skipped)
    ```
    """

    def __init__(self, kb: Ingests, config: IngestConfig | None = None) -> None:
        """Takes an open knowledge base; closing it is the caller's business."""
        self.kb = kb
        self.config = config or IngestConfig()

    async def ingest_workspace(self, workspace_id: str, trials: Any = None) -> IngestReport:
        """Ingests trials, or indexes what the workspace has stored, in a thread.

        Args:
            workspace_id: slug or id.
            trials: as for `KnowledgeBase.ingest`; None indexes every eligible stored trial.

        Raises:
            TradingKBError: as `KnowledgeBase.ingest`. Cancelling the task does not stop the
                thread: the ingest ends by itself, and repeating it is safe.
        """
        c = self.config
        how = (c.dry_run, c.strict, c.readmit, c.replace)
        return await asyncio.to_thread(
            self.kb.ingest, trials, workspace_id, c.ohlcv, c.mapping, *how
        )
