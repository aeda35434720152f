"""The derived index: comparing, repairing, re-embedding, switching."""

from __future__ import annotations

from tradingkb.admin.activate import ActivationReport, activate
from tradingkb.admin.reconcile import ReconcileJob, Reconciliation
from tradingkb.admin.reembed import ReembedJob, ReembedReport
from tradingkb.operations.base import Shared
from tradingkb.progress import progress_bar
from tradingkb.workspaces import DEFAULT_WORKSPACE, collection_name


class Upkeep(Shared):
    """Part of `KnowledgeBase`: the upkeep of the index."""

    def reconcile(self, repair: bool = False, workspace: str | None = None) -> Reconciliation:
        """Compares SQL, which is right, with the vector index, per workspace and collection.

        Args:
            repair: embed what is missing or stale, delete what is orphaned.
            workspace: slug or id; None for all.

        Raises:
            BackendUnavailableError: the database or the vector index does not answer.
        """
        if workspace is None:
            spaces = self._store.workspaces()
        else:
            spaces = [self._workspaces.find(workspace)]
        job = ReconcileJob(self._store, self._vectors, self._embedders, clock=self._clock)
        found = job.run(spaces, self._workspaces.active, repair=repair)
        if repair:
            self._set_alias()
        return found

    def reembed(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        target_model: str | None = None,
        target_collection: str | None = None,
        restart: bool = False,
    ) -> ReembedReport:
        """Embeds every eligible trial anew, for a rebuild or a rotation; safe to kill and repeat.

        Args:
            workspace: slug or id.
            target_model: default the active model.
            target_collection: default the active one, or that of `target_model` when it is given;
                created when missing. No other collection is touched.
            restart: begin anew even where an interrupted run could be resumed.

        Raises:
            ConfigurationError: an unknown model, or a collection of another dimension.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        space, (model, collection) = self._place(workspace, create_default=True)
        if target_model is not None and target_model != model:
            model, collection = target_model, collection_name(target_model)
        job = ReembedJob(self._store, self._vectors, self._embedders, clock=self._clock)
        with progress_bar(self._progress) as progress:
            report = job.run(
                space, model, target_collection or collection, restart=restart, progress=progress
            )
        self._set_alias()
        return report

    def activate(
        self,
        embed_model: str | None = None,
        collection: str | None = None,
        workspace: str = DEFAULT_WORKSPACE,
        force: bool = False,
    ) -> ActivationReport:
        """Switches a workspace to a model and a collection that it was re-embedded into.

        The report names the way back: activating what was in force before. Nothing is deleted.

        Args:
            embed_model: with `collection` None, its collection is the model's own; both None give
                the choice back to the environment.
            collection: which collection.
            workspace: slug or id.
            force: switch although trials are missing in the collection; the next ingest embeds
                them.

        Raises:
            ConfigurationError: an unknown model, a collection that does not exist, has another
                dimension or lacks trials.
        """
        space, before = self._place(workspace, create_default=True)
        if embed_model is not None and collection is None:
            collection = collection_name(embed_model)
        after = self._workspaces.would_be_active(embed_model, collection)
        report = activate(
            self._store,
            self._vectors,
            self._embedders,
            space,
            before=before,
            after=after,
            stored=(embed_model, collection),
            force=force,
        )
        self._set_alias()
        return report
