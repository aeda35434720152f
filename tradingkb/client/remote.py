"""A knowledge base behind its HTTP service, as pages see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import polars as pl

from tradingkb.client.protocol import ACTIONS, SOURCE, Action, Found, Moment, Ranges
from tradingkb.client.routes import Routes, between, listed, moment, ranges_text, selected, truth
from tradingkb.client.runbooks_there import RemoteRunbooks
from tradingkb.client.wire import Wire, segment
from tradingkb.domain import Mode
from tradingkb.exceptions import InvalidInputError
from tradingkb.workspaces import DEFAULT_WORKSPACE

_TIMEOUT_S: Final = 30.0


class RemoteClient(RemoteRunbooks):
    """Asks a service; see `Client`."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = _TIMEOUT_S,
        transport: Any = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """Opens no connection yet.

        Args:
            url: address of the service, such as http://kb.example:8000.
            token: of the workspace, where the service asks for one.
            timeout_s: seconds in which the service has to go on answering.
            transport: of httpx2, for tests.
            sleep: waits where the service asks to, for tests.

        Raises:
            ConfigurationError: httpx2 is not installed.
        """
        waits = {} if sleep is None else {"sleep": sleep}
        wire = Wire(url, token=token, timeout_s=timeout_s, transport=transport, **waits)
        self._routes = Routes(wire)
        parts = urlsplit(url)
        self._host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    def where(self) -> str:
        """What is asked."""
        return self._host

    def workspaces(self) -> pl.DataFrame:
        """As of `Client`."""
        return self._routes.frame("kb/workspaces")

    def strategies(self, workspace: str = DEFAULT_WORKSPACE) -> pl.DataFrame:
        """As of `Client`."""
        return self._routes.frame("kb/strategies", workspace_id=workspace)

    def strategy(self, name: str, workspace: str = DEFAULT_WORKSPACE) -> Found | None:
        """As of `Client`."""
        path = f"kb/strategies/{segment(name)}"
        nothing = type(None)
        found: Found | None = self._routes.field(
            path, "spec", dict, nothing, workspace_id=workspace
        )
        return found

    def objectives(self) -> list[Found]:
        """As of `Client`."""
        found: list[Found] = self._routes.field("kb/objectives", "objectives", list)
        return found

    def health(self) -> Found:
        """As of `Client`."""
        return self._routes.told("health")

    def ready(self) -> Found:
        """As of `Client`."""
        return self._routes.told("ready")

    # --- what happened ----------------------------------------------------------------------------

    def event_rates(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        bucket: str = "hour",
        by: Sequence[str] = (),
    ) -> pl.DataFrame:
        """As of `Client`."""
        query = between(since, until) | {"bucket": bucket, "by": listed(by)}
        return self._routes.frame("kb/events/rates", workspace_id=workspace, **query)

    def rejections(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        bucket: str = "all",
        by: Sequence[str] = ("strategy_name", "filter"),
    ) -> pl.DataFrame:
        """As of `Client`."""
        query = between(since, until) | {"bucket": bucket, "by": listed(by)}
        return self._routes.frame("kb/events/rejections", workspace_id=workspace, **query)

    def event_page(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, str] | None = None,
        limit: int = 100,
        after: str | None = None,
        since: Moment = None,
        until: Moment = None,
    ) -> tuple[pl.DataFrame, str | None]:
        """As of `Client`."""
        query = {**(where or {}), **between(since, until), "limit": limit, "cursor": after}
        return self._routes.page("kb/events", "events", workspace, query)

    def event(
        self, request_id: str, workspace: str = DEFAULT_WORKSPACE, at: Moment = None
    ) -> Found:
        """As of `Client`."""
        path = f"kb/events/{segment(request_id)}"
        found = self._routes.get(path, workspace_id=workspace, at=moment(at))
        if found.get("request_id") != request_id:
            # Another route has that path: rates, rejections, summary.
            raise InvalidInputError(
                f"no answer can be named {request_id!r} alone",
                field="request_id",
                remedy="look it up in the list of answers",
            )
        return found

    def answer_again(
        self, request_id: str, workspace: str = DEFAULT_WORKSPACE, at: Moment = None
    ) -> Found:
        """As of `Client`."""
        query = {"workspace_id": workspace, "at": moment(at)}
        return self._routes.post(f"kb/events/{segment(request_id)}/again", query=query)

    def recent_changes(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        limit: int = 100,
    ) -> pl.DataFrame:
        """As of `Client`."""
        query = between(since, until) | {"limit": limit}
        return self._routes.frame("kb/changes", workspace_id=workspace, **query)

    def breakers(self) -> pl.DataFrame:
        """As of `Client`."""
        return self._routes.frame("kb/breakers")

    def breaker_changes(
        self, since: Moment = None, until: Moment = None, limit: int = 1000
    ) -> pl.DataFrame:
        """As of `Client`."""
        return self._routes.frame("kb/breakers/changes", **between(since, until), limit=limit)

    def problems(self, workspace: str = DEFAULT_WORKSPACE) -> list[Found]:
        """As of `Client`."""
        found: list[Found] = self._routes.field("kb/problems", "open", list, workspace_id=workspace)
        return found

    def freshness(self, workspace: str = DEFAULT_WORKSPACE) -> Found:
        """As of `Client`."""
        return self._routes.get("kb/freshness", workspace_id=workspace)

    # --- trials -----------------------------------------------------------------------------------

    def trial_page(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, Any] | None = None,
        limit: int = 100,
        after: str | None = None,
        order: str = "stored",
        descending: bool = True,
        ranges: Ranges | None = None,
    ) -> tuple[pl.DataFrame, str | None]:
        """As of `Client`."""
        query = {
            **selected(where),
            "limit": limit,
            "cursor": after,
            "order": order,
            "descending": truth(descending),
            "ranges": ranges_text(ranges),
        }
        return self._routes.page("kb/trials", "trials", workspace, query)

    def trial_count(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, Any] | None = None,
        ranges: Ranges | None = None,
    ) -> int:
        """As of `Client`."""
        query = {**selected(where), "ranges": ranges_text(ranges)}
        path = "kb/trials/count"
        n: int = self._routes.field(path, "count", int, workspace_id=workspace, **query)
        return n

    def trial_density(
        self,
        workspace: str,
        strategy_name: str,
        x: str = "sharpe_is",
        y: str = "sharpe_oos",
        bins: int = 40,
    ) -> Found:
        """As of `Client`."""
        query = {"strategy_name": strategy_name, "x": x, "y": y, "bins": bins}
        return self._routes.with_cells("kb/trials/density", workspace, query)

    def param_grid(
        self,
        workspace: str,
        strategy_name: str,
        p: str | None = None,
        q: str | None = None,
        objective_type: str = "sharpe",
        timeframe: str | None = None,
    ) -> Found:
        """As of `Client`."""
        query = {
            "strategy_name": strategy_name,
            "p": p,
            "q": q,
            "objective_type": objective_type,
            "timeframe": timeframe,
        }
        return self._routes.with_cells("kb/trials/grid", workspace, query)

    def history(
        self, trial_id: int, workspace: str = DEFAULT_WORKSPACE, limit: int = 100
    ) -> pl.DataFrame:
        """As of `Client`."""
        path = f"kb/trials/{segment(str(trial_id))}/history"
        return self._routes.frame(path, workspace_id=workspace, limit=limit)

    def curate(
        self,
        action: Action,
        trials: Sequence[int],
        *,
        workspace: str = DEFAULT_WORKSPACE,
        reason: str | None = None,
        dry_run: bool = False,
        token: str | None = None,
        actor: str | None = None,
    ) -> Found:
        """As of `Client`."""
        if action not in ACTIONS:
            raise InvalidInputError(
                f"{action!r} is nothing to do", field="action", remedy=f"use {', '.join(ACTIONS)}"
            )
        body = {
            "workspace_id": workspace,
            "action": action,
            "trials": list(trials),
            "reason": reason,
            "actor": actor or SOURCE,
            "dry_run": dry_run,
        }
        return self._routes.post("kb/trials/curate", body, admin_token=token)

    # --- questions --------------------------------------------------------------------------------

    def recommend(self, question: Mapping[str, Any], *, mode: Mode = "full") -> Found:
        """As of `Client`."""
        asked = {"source": SOURCE} | {k: v for k, v in question.items() if v is not None}
        query = {"mode": mode, "include": "evidence,trials"}
        return self._routes.with_bars("kb/trials/recommend", asked, query)

    def regime(
        self,
        ohlcv: pl.DataFrame,
        symbol: str | None = None,
        timeframe: str | None = None,
        workspace: str = DEFAULT_WORKSPACE,
    ) -> Found:
        """As of `Client`."""
        asked = {
            "workspace_id": workspace,
            "ohlcv": ohlcv,
            "symbol": symbol,
            "timeframe": timeframe,
        }
        return self._routes.with_bars(
            "kb/regime", {k: v for k, v in asked.items() if v is not None}
        )

    def close(self) -> None:
        """As of `Client`."""
        self._routes.wire.close()
