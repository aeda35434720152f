"""The ports of workspaces and of strategies' specs."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from tradingkb.domain import StrategySpec, Workspace


class WorkspaceStore(Protocol):
    """Workspaces, and what each of them searches."""

    def workspace(self, name: str) -> Workspace | None:
        """The workspace of that slug or id: every question asks for one, of however many."""

    def workspaces(self) -> list[Workspace]:
        """All workspaces, by slug."""

    def create_workspace(self, workspace: Workspace) -> None:
        """Raises InvalidInputError when slug or id exist."""

    def set_active(
        self, workspace_id: str, embed_model: str | None, collection: str | None
    ) -> None:
        """Sets the model and collection of a workspace; None gives it back to the environment."""


class SpecStore(Protocol):
    """What strategies declare of their parameters."""

    def save_spec(self, workspace_id: str, spec: StrategySpec, at: datetime) -> None:
        """Inserts or replaces the spec of (name, version)."""

    def specs(self, workspace_id: str, name: str | None = None) -> list[StrategySpec]:
        """Every spec, or those of one name, by name; newest version of each name last."""

    def spec_registrations(
        self, workspace_id: str, name: str
    ) -> list[tuple[StrategySpec, datetime]]:
        """Every spec of a strategy that was ever registered, and when; the newest last.

        One that repeats what was registered last is no other registration.
        """
