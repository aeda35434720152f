"""Runbooks of a knowledge base of this process, as pages see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tradingkb.client.admission import admit
from tradingkb.client.protocol import SOURCE, Found
from tradingkb.client.tables import with_same_texts, without_machines_in
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.monitoring import run_page, told_run
from tradingkb.plain import plain
from tradingkb.runbooks import asked_for, read_report, runbooks, start_runbook
from tradingkb.workspaces import DEFAULT_WORKSPACE


class LocalRunbooks:
    """Part of `LocalClient`."""

    _kb: KnowledgeBase

    def runbooks(self) -> list[Found]:
        """As of `Client`."""
        return [plain(one.to_dict()) for one in runbooks(self._kb.settings.runbooks_dir)]

    def runbook_runs(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        runbook: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> tuple[pl.DataFrame, str | None]:
        """As of `Client`."""
        space = self._kb.use_cases.workspaces.find(workspace)
        page = run_page(self._kb.runbook_runs, (space.slug, space.id), runbook, limit, after)
        return with_same_texts(page.rows), page.next

    def runbook_run(self, run_id: str) -> Found:
        """As of `Client`."""
        return told_run(self._kb.runbook_run(run_id))

    def runbook_report(self, run_id: str) -> str:
        """As of `Client`."""
        return read_report(self._kb.settings, self._kb.runbook_run(run_id))

    def start_runbook(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        dry_run: bool = True,
        token: str | None = None,
        actor: str | None = None,
    ) -> Found:
        """As of `Client`."""
        admit(self._kb.settings.admin_token, token, "runbooks cannot be started")
        asked = asked_for(parameters, dry_run=dry_run)
        run = start_runbook(self._kb.settings, name, asked, actor=actor or SOURCE)
        return told_run(run.to_dict())

    def schedules(self) -> pl.DataFrame:
        """As of `Client`."""
        return without_machines_in(self._kb.schedules())

    def schedule_ticks(self, limit: int = 50) -> pl.DataFrame:
        """As of `Client`."""
        return without_machines_in(self._kb.schedule_ticks(limit=limit))
