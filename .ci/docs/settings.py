"""The tables of the settings, from the classes that read them."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from docstrings import summary
from pages import code, table

HEADS = ("variable", "default", "meaning")


def settings() -> str:
    """One table per class of settings; without titles where one class holds all of them."""
    known: set[str] = set()
    parts = []
    for kind in _classes():
        fields = {_variable(kind, n, f): f for n, f in kind.model_fields.items() if not _is_room(f)}
        mine = {name: f for name, f in fields.items() if name not in known}
        known |= set(mine)
        if mine:
            rows = [(code(n), code(_default(f)), f.description or "") for n, f in mine.items()]
            parts.append((summary(kind), table(HEADS, rows)))
    if len(parts) == 1:
        return parts[0][1]
    return "\n\n".join(f"**{title.rstrip('.')}**\n\n{rows}" for title, rows in parts)


def _classes() -> list[Any]:
    """Every class of settings as the package holds them; what is made of others comes last."""
    import tradingkb.settings as package

    found: dict[str, Any] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        things = vars(importlib.import_module(f"{package.__name__}.{module}"))
        found |= {name: thing for name, thing in things.items() if _is_settings(thing)}
    return sorted(found.values(), key=lambda kind: len(kind.__mro__))


def _is_settings(thing: Any) -> bool:
    own = isinstance(thing, type) and thing.__module__.startswith("tradingkb.settings")
    return own and bool(getattr(thing, "model_fields", None))


def _is_room(field: Any) -> bool:
    """Whether a field is a class of settings of its own."""
    return _is_settings(field.annotation)


def _variable(kind: Any, name: str, field: Any) -> str:
    prefix = kind.model_config.get("env_prefix", "")
    return str(field.alias or field.validation_alias or f"{prefix}{name}".upper())


def _default(field: Any) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)
