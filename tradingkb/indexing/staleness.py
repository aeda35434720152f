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
    now, found = _maker(embedder.pipeline), {_maker(pipeline) for pipeline in held}
    if not found or now in found:
        return None
    return (
        f"the vectors of {collection} were made by another version of {embedder.model}, "
        f"{_how(now, found)}: run an ingest, or reembed"
    )


def made_in_part(embedder: Embedder, collection: str, held: Set[str]) -> str | None:
    """What is to be done about a collection that is made anew in part; None where all is."""
    now, found = _maker(embedder.pipeline), {_maker(pipeline) for pipeline in held}
    if now not in found or len(found) == 1:
        return None
    return (
        f"some vectors of {collection} are still of an earlier version of {embedder.model}, "
        f"{_how(now, found - {now})}: an ingest, or reembed, ends it"
    )


def made_alike(pipeline: str, other: str) -> bool:
    """Whether vectors of two pipelines can be compared."""
    return _maker(pipeline) == _maker(other)


def _maker(pipeline: str) -> tuple[str, ...]:
    """What of a pipeline changes a vector: all but the columns that stand beside it."""
    return tuple(part for part in pipeline.split("/") if not part.startswith("payload-"))


def _how(now: tuple[str, ...], others: Set[tuple[str, ...]]) -> str:
    """What differs: of a server the second part is the digest of the model's files."""
    if any(other[1:2] != now[1:2] for other in others):
        return "whose tag was pulled anew"
    return "which read texts of another form"
