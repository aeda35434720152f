"""The tables of the settings, one for each part of the package that reads some."""

from __future__ import annotations

from typing import Any

from docstrings import summary
from pages import code, table


def settings() -> str:
    """One table per class of settings, in the order of `tradingkb config`."""
    from tradingkb.settings import Settings

    grouped: dict[Any, list[tuple[str, str, str]]] = {}
    for name, field in Settings.model_fields.items():
        row = (code(field.alias), code(_default(field)), field.description or "")
        grouped.setdefault(_reader(Settings, name), []).append(row)
    return "\n\n".join(
        f"**{summary(kind).rstrip('.')}**\n\n{table(('variable', 'default', 'meaning'), rows)}"
        for kind, rows in grouped.items()
    )


def _reader(settings: Any, name: str) -> Any:
    """The class that declares a setting."""
    return next(kind for kind in settings.__mro__ if name in vars(kind).get("__annotations__", {}))


def _default(field: Any) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)
