"""What the parts of `KnowledgeBase` share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tradingkb.exceptions import EmptyCollectionError
from tradingkb.ingest.apply import ALIAS
from tradingkb.ports import EmbedderFactory, TrialStore, VectorIndex, Workspace
from tradingkb.workspaces import Workspaces


class Shared:
    """The adapters and the workspaces of one knowledge base."""

    _store: TrialStore
    _vectors: VectorIndex
    _embedders: EmbedderFactory
    _workspaces: Workspaces
    _clock: Callable[[], datetime]
    _progress: bool | None

    def _place(
        self, workspace: str, *, create_default: bool = False
    ) -> tuple[Workspace, tuple[str, str]]:
        space = self._workspaces.find(workspace, create_default=create_default)
        return space, self._workspaces.active(space)

    def _set_alias(self) -> None:
        """Points `kb_trials` at the active collection, if that exists."""
        name = self._workspaces.alias_target()
        if self._vectors.dimension(name) is None:
            return
        try:
            if self._vectors.alias(ALIAS) != name:
                self._vectors.set_alias(ALIAS, name)
        except EmptyCollectionError:  # dropped by another process a moment ago
            return
