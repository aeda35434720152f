"""Runbooks of a service, as pages see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tradingkb.client.protocol import SOURCE, Found
from tradingkb.client.routes import Routes
from tradingkb.client.wire import segment
from tradingkb.workspaces import DEFAULT_WORKSPACE


class RemoteRunbooks:
    """Part of `RemoteClient`."""

    _routes: Routes

    def runbooks(self) -> list[Found]:
        """As of `Client`."""
        found: list[Found] = self._routes.field("kb/runbooks", "runbooks", list)
        return found

    def runbook_runs(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        runbook: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> tuple[pl.DataFrame, str | None]:
        """As of `Client`."""
        query = {"runbook": runbook, "limit": limit, "cursor": after}
        return self._routes.page("kb/runbooks/runs", "runs", workspace, query)

    def runbook_run(self, run_id: str) -> Found:
        """As of `Client`."""
        return self._routes.get(f"kb/runbooks/runs/{segment(run_id)}")

    def runbook_report(self, run_id: str) -> str:
        """As of `Client`."""
        return self._routes.wire.text(f"kb/runbooks/runs/{segment(run_id)}/report")

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
        body = {"parameters": dict(parameters), "dry_run": dry_run, "actor": actor or SOURCE}
        path = f"kb/runbooks/{segment(name)}/runs"
        return self._routes.post(path, body, admin_token=token)

    def schedules(self) -> pl.DataFrame:
        """As of `Client`."""
        return self._routes.frame("kb/schedules")

    def schedule_ticks(self, limit: int = 50) -> pl.DataFrame:
        """As of `Client`."""
        return self._routes.frame("kb/schedules/ticks", limit=limit)
