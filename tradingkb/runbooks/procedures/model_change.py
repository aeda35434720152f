"""From which model to which: what is in force, what shall be, and what the environment says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradingkb.runbooks.procedures.index_state import (
    RESTART,
    ROTATION,
    IndexState,
    made,
    state_found,
)
from tradingkb.workspaces import collection_name

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.runbooks.book import Run

NAME: Final = ROTATION


@dataclass(frozen=True)
class Rotation:
    """From where to where.

    Attributes:
        before: the index in force.
        model, collection: what will be in force.
        remote: whether the model is one of an Ollama server.
        dimension: that it makes; None where it is not there yet.
        back: whether this is the way back.
    """

    before: IndexState
    model: str
    collection: str
    remote: bool
    dimension: int | None
    back: bool

    @property
    def same(self) -> bool:
        """Whether the model and the collection are those in force: its tag was pulled anew."""
        return (self.model, self.collection) == (self.before.model, self.before.collection)


def healed_by(rotation: Rotation | None) -> str | None:
    """The step after which what is in force now matters no more."""
    if rotation is None:
        return None
    return "reembed" if rotation.same else "switch"


def look(run: Run, *, model: str, collection: str, rollback: bool) -> Rotation | None:
    """What is in force, and what shall be.

    Args:
        run: of the runbook.
        model: the new one; "" for the one in force, and the one before on the way back.
        collection: its collection; "" for the model's own, or the one before.
        rollback: whether this is the way back.

    Returns:
        None where there is nowhere to go, which is noted: the vector index is away, nothing says
        what was in force before, the model is not known, or the collection cannot take its vectors.

    Raises:
        InvalidInputError: no name of a collection.
    """
    kb, before = run.kb, state_found(run)
    if before is None:
        return None
    chosen = previous(kb, before) if rollback and not model else (model, collection)
    if chosen is None:
        where = f"nothing notes what {before.workspace} searched before {before.collection}"
        run.find(where, "critical")
        run.next(
            "name it", run.command(NAME, model="MODEL", collection="COLLECTION", rollback=True)
        )
        return None
    name = chosen[0] or before.model
    own = before.collection if name == before.model else collection_name(name)
    place = chosen[1] or own
    kb.use_cases.workspaces.chosen(kb.use_cases.workspaces.named(run.workspace), name, place)
    remote = kb.use_cases.indexer.embedders.is_remote(name)
    dimension, error = made(kb, name)
    if dimension is not None:
        run.find(f"{name} makes {dimension} dimensions", collection=place)
    elif remote and kb.settings.ollama_host is not None:
        run.find(f"{name} is not there yet", error=error)
    else:
        run.find(f"{name} is no model that is known here", "critical", error=error)
        return None
    if not _has_room(run, place, name, dimension, own):
        return None
    return Rotation(before, name, place, remote, dimension, rollback)


def _has_room(run: Run, place: str, model: str, dimension: int | None, own: str) -> bool:
    """Whether the collection may take the model's vectors; noted, where it may not."""
    there = held(run.kb, place)
    if there is None:
        return True
    if there["foreign"]:
        run.find(f"collection {place} is another program's: {there['foreign']}", "critical")
    elif dimension not in (None, there["dimension"]):
        run.find(
            f"{place} holds vectors of another dimension than {model} makes",
            "critical",
            collection=there["dimension"],
            model=dimension,
        )
    else:
        return True
    run.next(
        "give it a collection of its own",
        run.command(NAME, model=model, collection=own if own != place else f"{own}_new"),
    )
    return False


def held(kb: KnowledgeBase, collection: str) -> dict[str, Any] | None:
    """A collection's row of `kb.collections()`; None where it is not there."""
    import polars as pl

    rows = kb.collections().filter(pl.col("collection") == collection).to_dicts()
    return rows[0] if rows else None


def previous(kb: KnowledgeBase, now: IndexState) -> tuple[str, str] | None:
    """Model and collection in force before the last switch of the workspace; None without one."""
    import polars as pl

    changes = kb.recent_changes(now.workspace).filter(pl.col("kind") == "activate")
    for text in changes["facts"]:
        facts = json.loads(text)
        before = (str(facts["previous_model"]), str(facts["previous_collection"]))
        if (facts["embed_model"], facts["collection"]) == (now.model, now.collection) != before:
            return before
    return None


def tell_environment(run: Run, rotation: Rotation | None) -> pl.DataFrame:
    """What the environment says beside the workspace, and what to edit in .env.

    Returns:
        variable, now, wanted (as text; "" is unset), edit (whether they differ).
    """
    import polars as pl

    if rotation is None or run.failed:
        return pl.DataFrame()
    settings, model, collection = run.kb.settings, rotation.model, rotation.collection
    dimension = made(run.kb, model)[0]
    own = settings.collection is None and collection == collection_name(model)
    rows = [
        ("EMBED_MODEL", settings.embed_model, model),
        ("EMBED_DIM", _text(settings.embed_dim), _text(settings.embed_dim and dimension)),
        ("QDRANT_COLLECTION_ACTIVE", _text(settings.collection), "" if own else collection),
    ]
    schema = dict.fromkeys(("variable", "now", "wanted"), pl.String)
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        edit=pl.col("now") != pl.col("wanted")
    )
    edits = table.filter("edit")
    if edits.height:
        lines = [f"{row['variable']}={row['wanted']}" for row in edits.to_dicts()]
        run.find(
            "the environment names another model or collection: it stands for workspaces whose "
            "row says nothing, and /health shows it",
            edit_in_env_file=lines,
        )
        if run.dry_run:  # before the switch it would lead to a collection that is not filled yet
            return table
        run.next(
            f"set {' '.join(lines)} in .env, where all workspaces are to follow, and restart",
            run.command(RESTART),
        )
    return table


def _text(value: Any) -> str:
    return "" if value is None else str(value)
