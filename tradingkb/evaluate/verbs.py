"""The verbs of `KnowledgeBase` about embedding models."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from tradingkb.domain import IndexTarget
from tradingkb.evaluate.model_comparison import ModelComparison
from tradingkb.evaluate.models import ComparedStore, ModelComparer
from tradingkb.indexing import Indexer
from tradingkb.ports import Again
from tradingkb.progress import progress_bar
from tradingkb.recommend import Recommender
from tradingkb.verbs import takes_long


class _Spaces(Protocol):
    def named(self, name: str, *, create_default: bool = False) -> IndexTarget: ...


class _Asking(Protocol):
    @property
    def recommender(self) -> Recommender: ...


class _Store(ComparedStore, Protocol):
    def unhurried(self) -> AbstractContextManager[None]: ...


class _UseCases(Protocol):
    """What these verbs delegate to."""

    @property
    def store(self) -> _Store: ...
    @property
    def workspaces(self) -> _Spaces: ...
    @property
    def indexer(self) -> Indexer: ...
    @property
    def asking(self) -> _Asking: ...
    @property
    def again(self) -> Again: ...


class ComparedModels:
    """Part of `KnowledgeBase`."""

    _progress: bool | None

    @property
    def use_cases(self) -> _UseCases:
        """What the verbs delegate to."""
        raise NotImplementedError

    @takes_long
    def compare_models(self, a: str, b: str, workspace: str = "default") -> ModelComparison:
        """What another embedding model would change: how good its neighbours are, and answers.

        Both models embed a sample of the stored windows (at most 300) and of their regimes as
        questions (at most 100), always the same one; no collection is needed, nothing is written
        or recorded. A model's loss is 0 where it finds windows as near as exact search does, 1
        where it finds them by chance; with a 95 % interval over symbols, or quarters, whichever is
        wider. Then strategies (at most 12) are asked about (5 regimes each) with the windows that
        either model finds.

        Args:
            a: a model, such as the one in force.
            b: another one.
            workspace: slug or id.

        Raises:
            ConfigurationError: an unknown model.
            UnknownWorkspaceError: no such workspace, with near names.
            BackendUnavailableError: a model's server does not answer.
        """
        uses = self.use_cases
        comparer = ModelComparer(uses.store, uses.indexer, uses.asking.recommender)
        with progress_bar(self._progress, "markets") as progress:
            return comparer.run(uses.workspaces.named(workspace), (a, b), progress)
