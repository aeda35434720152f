"""Whose trials, where they are indexed, and who changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tradingkb.domain.names import is_unicode
from tradingkb.exceptions import InvalidInputError

#: What the store's columns hold.
_LONGEST: Final = {"actor": 128, "actor_type": 32}


@dataclass(frozen=True)
class Workspace:
    """A tenant: its own trials, specs and events."""

    id: str
    slug: str
    default_embed_model: str | None
    default_collection: str | None
    config: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class IndexTarget:
    """Where a workspace's trials are indexed: which model embeds them into which collection."""

    workspace: Workspace
    model: str
    collection: str


@dataclass(frozen=True)
class Actor:
    """Who changes something, and why.

    Attributes:
        name: of the person or program.
        kind: "admin", "system", ...; `actor_type` of events and history.
        reason: as they gave it.

    Raises:
        InvalidInputError: a text that is too long, or that no database stores.
    """

    name: str
    kind: str = "admin"
    reason: str | None = None

    def __post_init__(self) -> None:
        for field, text in (("actor", self.name), ("actor_type", self.kind)):
            if len(text) > _LONGEST[field]:
                raise InvalidInputError(
                    f"is longer than {_LONGEST[field]} characters",
                    field=field,
                    remedy="shorten it",
                )
        given = (("actor", self.name), ("actor_type", self.kind), ("reason", self.reason))
        for field, some in given:
            if "\0" in (some or ""):  # PostgreSQL stores no NUL in a text
                raise InvalidInputError("holds a NUL character", field=field, remedy="remove it")
            if not is_unicode(some or ""):
                raise InvalidInputError(
                    f"{some!a} is no Unicode text",
                    field=field,
                    remedy="give a text that UTF-8 can hold",
                )
        object.__setattr__(self, "reason", (self.reason or "").strip() or None)
