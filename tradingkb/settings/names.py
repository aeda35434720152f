"""Names of variables that are no setting, and look as if they were meant as one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Final

from tradingkb.settings.environment import PREFIX
from tradingkb.settings.model import Settings

#: How alike two names are, of 1, where one is the other misspelt.
_ALIKE: Final = 0.9
#: How alike they are at least where a name begins as settings do.
_RELATED: Final = 0.75
#: What no other program's variables begin with.
_OURS: Final = (PREFIX, "QDRANT_", "EMBED_")
#: What those of others may begin with, too.
_SHARED: Final = ("RATE_LIMIT_", "OLLAMA_", "REDIS_")
#: What compose.yaml reads of the same .env, beside settings.
OF_COMPOSE: Final = frozenset(
    {
        *("POSTGRES_PASSWORD", "REDIS_PASSWORD", "TRADINGKB_ENV_GID", "TRADINGKB_IMAGE"),
        *("TRADINGKB_IMAGE_TAG", "TRADINGKB_REPLICAS", "TRADINGKB_PORT"),
        *("TRADINGKB_DASHBOARD_PORT", "TRADINGKB_PROMETHEUS_PORT"),
    }
)
#: Settings of the Qdrant server itself begin so.
_OF_QDRANT: Final = "QDRANT__"


def mistaken(named: Iterable[str]) -> dict[str, str | None]:
    """Names that look like a setting and are none, each with the setting that is nearest.

    Args:
        named: variables, in any case.
    """
    variables = [str(field.alias) for field in Settings.model_fields.values()]
    return _mistaken(named, variables, (*_OURS, *_SHARED))


def misplaced(named: Iterable[str], fields: Iterable[str]) -> dict[str, str | None]:
    """Those of them that must not stand where settings of these fields are given.

    Other programs' variables may, and settings of other fields, which are not read there.
    """
    variables = [str(Settings.model_fields[name].alias) for name in fields]
    return _mistaken(named, variables, _OURS)


def _mistaken(
    named: Iterable[str], meant: Collection[str], beginnings: tuple[str, ...]
) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    known = _known()
    for name in dict.fromkeys(name.upper() for name in named):
        if name in known or name.startswith(_OF_QDRANT):
            continue
        begins = name.startswith(beginnings)
        near = difflib.get_close_matches(name, meant, 1, _RELATED if begins else _ALIKE)
        if begins or near:
            found[name] = near[0] if near else None
    return found


def _known() -> frozenset[str]:
    """Settings by variable and by field, and what compose.yaml reads."""
    fields = Settings.model_fields
    by_field = [name.upper() for name in fields]
    prefixed = [PREFIX + name for name in by_field]
    return frozenset({*(str(f.alias) for f in fields.values()), *by_field, *prefixed, *OF_COMPOSE})
