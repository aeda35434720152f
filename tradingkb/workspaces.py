"""Workspaces: found by slug or id, with the model and collection in force."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import polars as pl

from tradingkb.domain import IndexTarget, Workspace
from tradingkb.exceptions import InvalidInputError, UnknownWorkspaceError
from tradingkb.ports import Again, WorkspaceStore, once

DEFAULT_WORKSPACE: Final = "default"
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
#: A slug of this form could name another workspace by its id.
#: As long as the columns, and what Qdrant and a file system take for a name.
_COLLECTION_BYTES: Final = 128
_NOT_IN_COLLECTION: Final = frozenset('<>:"/\\|?*')
_ID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


class Workspaces:
    """The workspaces of one store."""

    def __init__(
        self,
        store: WorkspaceStore,
        *,
        embed_model: str,
        collection: str | None,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        again: Again = once,
    ) -> None:
        """Takes what is in force where a workspace says nothing.

        Args:
            store: keeps the workspaces.
            embed_model: the environment's.
            collection: the environment's; None for the model's own.
            clock: aware UTC time.
            new_id: makes ids of workspaces.
            again: runs what only reads.
        """
        self._store = store
        self._embed_model = embed_model
        self._collection = collection
        self._clock = clock
        self._new_id = new_id
        self._again = again

    def find(self, name: str, *, create_default: bool = False) -> Workspace:
        """The workspace of that slug or id.

        The default workspace always exists: where nothing has been stored yet it is empty, and
        `create_default` stores it.

        Raises:
            UnknownWorkspaceError: no such workspace; near names are suggested.
        """
        # Nothing else is a name, and drivers refuse a NUL or half of a pair.
        ask = partial(self._store.workspace, str(name))
        found = self._again(ask) if str(name).isprintable() else None
        if found is not None:
            return found
        if name != DEFAULT_WORKSPACE:
            raise UnknownWorkspaceError(
                "workspace",
                str(name),
                [space.slug for space in self._all()],
                remedy=f"create it with kb.create_workspace({name!r})",
            )
        if not create_default:
            return Workspace("", name, None, None, {}, self._clock())
        with contextlib.suppress(InvalidInputError):  # another process may be faster
            self.create(name)
        return self.find(name)

    def create(
        self, slug: str, embed_model: str | None = None, collection: str | None = None
    ) -> str:
        """Creates a workspace and returns its id.

        Raises:
            InvalidInputError: the slug is malformed, of the form of an id, or taken; no name of a
                collection.
        """
        check_collection(collection, "collection")
        if not _SLUG.fullmatch(slug):
            raise InvalidInputError(
                f"{slug!r} is no slug",
                field="workspace",
                remedy="use lower-case letters, digits, - and _, at most 64, not - or _ first",
            )
        if _ID.fullmatch(slug):
            raise InvalidInputError(
                f"{slug!r} has the form of an id, and would be taken for one",
                field="workspace",
                remedy="choose a name",
            )
        space = Workspace(self._new_id(), slug, embed_model, collection, {}, self._clock())
        self._store.create_workspace(space)
        return space.id

    def named(self, name: str, *, create_default: bool = False) -> IndexTarget:
        """The workspace of that slug or id with the index in force; raises as `find`."""
        return self.target(self.find(name, create_default=create_default))

    def target(self, workspace: Workspace) -> IndexTarget:
        """The index in force: the workspace's own model and collection, else the environment's."""
        # An operator edits `config` by hand in SQL: anything may stand there.
        config: Any = workspace.config
        chunking = config.get("chunking") if isinstance(config, Mapping) else None
        chosen = chunking.get("embed_model") if isinstance(chunking, Mapping) else None
        model = workspace.default_embed_model or chosen
        model = model or self._embed_model
        collection = workspace.default_collection or self._collection
        return IndexTarget(workspace, model, collection or collection_name(model))

    def targets(self, name: str | None) -> list[IndexTarget]:
        """The workspace of that slug or id, or all of them; raises as `find`."""
        spaces = self._all() if name is None else [self.find(name)]
        return [self.target(space) for space in spaces]

    def default_target(self) -> IndexTarget:
        """The environment's model and collection, of no workspace."""
        model = self._embed_model
        nobody = Workspace("", "", None, None, {}, self._clock())
        return IndexTarget(nobody, model, self._environment(model))

    def chosen(
        self, active: IndexTarget, embed_model: str | None, collection: str | None
    ) -> IndexTarget:
        """Another index than the active one: of this model, and of its collection or this one.

        Raises:
            InvalidInputError: no name of a collection.
        """
        check_collection(collection, "target_collection")
        if embed_model is not None and embed_model != active.model:
            active = replace(active, model=embed_model, collection=collection_name(embed_model))
        return replace(active, collection=collection or active.collection)

    def would_be_target(
        self, workspace: Workspace, embed_model: str | None, collection: str | None
    ) -> IndexTarget:
        """The index in force if the workspace's row said these.

        Raises:
            InvalidInputError: no name of a collection.
        """
        check_collection(collection, "collection")
        model = embed_model or self._embed_model
        collection = collection or self._environment(model)
        return IndexTarget(workspace, model, collection)

    def _all(self) -> list[Workspace]:
        return self._again(self._store.workspaces)

    def _environment(self, model: str) -> str:
        return self._collection or collection_name(model)

    def alias_target(self) -> str:
        """The collection that all workspaces search; the environment's where they differ."""
        searched = {self.target(space).collection for space in self._all()}
        return searched.pop() if len(searched) == 1 else self._environment(self._embed_model)

    def table(self) -> pl.DataFrame:
        """id, slug, embed_model, collection, created_at of every workspace."""
        spaces = self._all()
        targets = [self.target(s) for s in spaces]
        return pl.DataFrame(
            {
                "id": [s.id for s in spaces],
                "slug": [s.slug for s in spaces],
                "embed_model": [target.model for target in targets],
                "collection": [target.collection for target in targets],
                "created_at": [s.created_at for s in spaces],
            },
            schema={
                "id": pl.String,
                "slug": pl.String,
                "embed_model": pl.String,
                "collection": pl.String,
                "created_at": pl.Datetime("us", "UTC"),
            },
        )


def check_collection(name: Any, field: str) -> None:
    """Refuses a name that the tables or the vector index could not keep.

    Args:
        name: of a collection; None and "" leave the choice to others.
        field: whose value it is.

    Raises:
        InvalidInputError: too long, or with characters that no collection has.
    """
    if not name:
        return
    good = isinstance(name, str) and name.isprintable() and name not in (".", "..")
    if good and not _NOT_IN_COLLECTION & set(name) and len(name.encode()) <= _COLLECTION_BYTES:
        return
    raise InvalidInputError(
        f"{str(name)[:80]!r} is no name of a collection",
        field=field,
        remedy=f"give at most {_COLLECTION_BYTES} bytes of printable characters without "
        f"{' '.join(sorted(_NOT_IN_COLLECTION))}",
    )


def collection_name(model: str, version: int = 1) -> str:
    """`kb_<model with every non-alphanumeric run as one underscore>_v<n>`."""
    return f"kb_{re.sub(r'[^0-9a-zA-Z]+', '_', model).strip('_').lower()}_v{version}"
