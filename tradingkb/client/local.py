"""A knowledge base in this process, as pages see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from tradingkb import __version__
from tradingkb.client.admission import admit
from tradingkb.client.protocol import ACTIONS, SOURCE, Action, Found, Moment, Ranges
from tradingkb.client.runbooks_here import LocalRunbooks
from tradingkb.client.tables import with_same_texts, without_machines_in
from tradingkb.domain import Mode, objectives
from tradingkb.exceptions import InvalidInputError
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.masking import without_machines
from tradingkb.plain import plain
from tradingkb.workspaces import DEFAULT_WORKSPACE, collection_name

#: Fields of a question that a verb calls otherwise.
_NAMES: Final = {"workspace_id": "workspace", "source": "caller"}
#: What a question may say.
QUESTION_FIELDS: Final = frozenset(
    {
        *("workspace_id", "strategy_name", "objective_type", "ohlcv", "regime", "symbol"),
        *("timeframe", "own_trials", "as_of", "require_oos", "max_drawdown", "min_trades"),
        *("max_overfit_gap", "regime_tags", "min_deflated_sharpe", "max_pbo"),
        *("strategy_version", "deadline_s", "source"),
    }
)


class LocalClient(LocalRunbooks):
    """Asks a knowledge base of this process; see `Client`."""

    def __init__(self, kb: KnowledgeBase) -> None:
        """Takes the knowledge base, which `close` closes."""
        self._kb = kb

    def where(self) -> str:
        """What is asked."""
        return "database server" if self._kb.settings.database_url else "embedded store"

    def workspaces(self) -> pl.DataFrame:
        """As of `Client`."""
        return with_same_texts(self._kb.workspaces())

    def strategies(self, workspace: str = DEFAULT_WORKSPACE) -> pl.DataFrame:
        """As of `Client`."""
        return with_same_texts(self._kb.strategies(workspace))

    def strategy(self, name: str, workspace: str = DEFAULT_WORKSPACE) -> Found | None:
        """As of `Client`."""
        spec = self._kb.strategy(name, workspace)
        return None if spec is None else _plain(spec.to_dict())

    def objectives(self) -> list[Found]:
        """As of `Client`."""
        return [dict(one.to_dict()) for one in objectives()]

    def health(self) -> Found:
        """As of `Client`."""
        settings, breakers = self._kb.settings, plain(self._kb.health().circuit_breakers)
        return {
            "status": "degraded" if any(b["is_open"] for b in breakers.values()) else "ok",
            "version": __version__,
            "replica": settings.replica,
            "embed_model": settings.embed_model,
            "active_collection": settings.collection or collection_name(settings.embed_model),
            "circuit_breakers": without_machines(breakers),
        }

    def ready(self) -> Found:
        """As of `Client`."""
        return _plain(without_machines(self._kb.ready().to_dict()))

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
        return with_same_texts(self._kb.event_rates(workspace, since, until, bucket, by))

    def rejections(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        bucket: str = "all",
        by: Sequence[str] = ("strategy_name", "filter"),
    ) -> pl.DataFrame:
        """As of `Client`."""
        return with_same_texts(self._kb.rejections(workspace, since, until, bucket, by))

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
        when = {name: at for name, at in (("since", since), ("until", until)) if at is not None}
        page = self._kb.event_page(workspace, where, limit, after, **when)
        return with_same_texts(page.rows), page.next

    def event(
        self, request_id: str, workspace: str = DEFAULT_WORKSPACE, at: Moment = None
    ) -> Found:
        """As of `Client`."""
        return _plain(self._kb.event(request_id, workspace, at))

    def answer_again(
        self, request_id: str, workspace: str = DEFAULT_WORKSPACE, at: Moment = None
    ) -> Found:
        """As of `Client`."""
        return _plain(self._kb.answer_again(request_id, workspace, at).to_dict())

    def recent_changes(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        limit: int = 100,
    ) -> pl.DataFrame:
        """As of `Client`."""
        return without_machines_in(self._kb.recent_changes(workspace, since, until, limit))

    def breakers(self) -> pl.DataFrame:
        """As of `Client`."""
        return without_machines_in(self._kb.breakers())

    def breaker_changes(
        self, since: Moment = None, until: Moment = None, limit: int = 1000
    ) -> pl.DataFrame:
        """As of `Client`."""
        return without_machines_in(self._kb.breaker_changes(since, until, limit))

    def problems(self, workspace: str = DEFAULT_WORKSPACE) -> list[Found]:
        """As of `Client`."""
        found = plain(self._kb.problems(workspace).to_dict())["open"]
        return [{**one, "evidence": without_machines(one["evidence"])} for one in found]

    def freshness(self, workspace: str = DEFAULT_WORKSPACE) -> Found:
        """As of `Client`."""
        return _plain(self._kb.freshness(workspace).to_dict())

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
        page = self._kb.trial_page(
            workspace, where, limit, after, order=order, descending=descending, ranges=ranges
        )
        return with_same_texts(page.rows), page.next

    def trial_count(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, Any] | None = None,
        ranges: Ranges | None = None,
    ) -> int:
        """As of `Client`."""
        return int(self._kb.trial_count(workspace, where, ranges))

    def trial_density(
        self,
        workspace: str,
        strategy_name: str,
        x: str = "sharpe_is",
        y: str = "sharpe_oos",
        bins: int = 40,
    ) -> Found:
        """As of `Client`."""
        return _with_cells(self._kb.trial_density(workspace, strategy_name, x, y, bins))

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
        found = self._kb.param_grid(workspace, strategy_name, p, q, objective_type, timeframe)
        return _with_cells(found)

    def history(
        self, trial_id: int, workspace: str = DEFAULT_WORKSPACE, limit: int = 100
    ) -> pl.DataFrame:
        """As of `Client`."""
        return with_same_texts(self._kb.history([trial_id], workspace=workspace, limit=limit))

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
        admit(self._kb.settings.admin_token, token, "trials cannot be changed")
        if action not in ACTIONS:
            raise InvalidInputError(
                f"{action!r} is nothing to do", field="action", remedy=f"use {', '.join(ACTIONS)}"
            )
        report = getattr(self._kb, action)(
            list(trials),
            workspace=workspace,
            reason=reason,
            actor=actor or SOURCE,
            dry_run=dry_run,
        )
        return _plain(report.to_dict())

    # --- questions --------------------------------------------------------------------------------

    def recommend(self, question: Mapping[str, Any], *, mode: Mode = "full") -> Found:
        """As of `Client`."""
        asked = {name: value for name, value in question.items() if value is not None}
        for name in asked:
            if name not in QUESTION_FIELDS:
                raise InvalidInputError(
                    f"{name[:80]!r} is no field of a question",
                    field=name[:80],
                    remedy=f"its fields are {', '.join(sorted(QUESTION_FIELDS))}",
                )
        if "strategy_name" not in asked:
            raise InvalidInputError(
                "strategy_name is missing", field="strategy_name", remedy="say which strategy"
            )
        named = {_NAMES.get(name, name): value for name, value in asked.items()}
        answer = self._kb.recommend(**{"caller": SOURCE, **named}, mode=mode)
        return _plain(answer.to_dict())

    def regime(
        self,
        ohlcv: pl.DataFrame,
        symbol: str | None = None,
        timeframe: str | None = None,
        workspace: str = DEFAULT_WORKSPACE,
    ) -> Found:
        """As of `Client`."""
        del workspace  # nobody's share counts here
        return _plain(self._kb.regime(ohlcv, timeframe, symbol))

    def close(self) -> None:
        """As of `Client`."""
        self._kb.close()


def _plain(value: Any) -> Found:
    found: Found = plain(value)
    return found


def _with_cells(report: Any) -> Found:
    return {**_plain(report.to_dict()), "cells": with_same_texts(report.cells)}
