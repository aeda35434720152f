"""Whether what a collection holds was made as its embedder makes vectors now.

A tag of a model server can be pulled anew at any time: then questions get vectors of one model and
windows have those of another, of the same length and without any likeness.
"""

from __future__ import annotations

from collections.abc import Set

from tradingkb.ports import Embedder


def made_otherwise(embedder: Embedder, collection: str, held: Set[str]) -> str | None:
    """Why a collection cannot be searched by an embedder; None where it can.

    Args:
        embedder: of a server.
        collection: named in the answer.
        held: pipelines of the collection's entries, or of a sample of them.
    """
    if not held or embedder.pipeline in held:
        return None
    return (
        f"the vectors of {collection} were made by another version of {embedder.model}, "
        f"{_how(embedder, held)}: run an ingest, or reembed"
    )


def made_in_part(embedder: Embedder, collection: str, held: Set[str]) -> str | None:
    """What is to be done about a collection that is made anew in part; None where all is."""
    if embedder.pipeline not in held or len(held) == 1:
        return None
    return (
        f"some vectors of {collection} are still of an earlier version of {embedder.model}, "
        f"{_how(embedder, held - {embedder.pipeline})}: an ingest, or reembed, ends it"
    )


def _how(embedder: Embedder, others: Set[str]) -> str:
    """What differs: pipelines of servers have the model's digest as their second part."""
    digests = {pipeline.split("/")[1:2] == embedder.pipeline.split("/")[1:2] for pipeline in others}
    if False in digests:
        return "whose tag was pulled anew"
    return "which read texts of another form"
