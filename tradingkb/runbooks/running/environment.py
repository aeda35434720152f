"""Settings as an environment: what a kernel or another process opens is what is open here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tradingkb.settings import Settings

_PREFIX: Final = "TRADINGKB_"
#: Names the run, in the environment of its kernel.
RUN_ID: Final = f"{_PREFIX}RUN_ID"


def settings_environment(
    settings: Settings, outside: Mapping[str, str] | None = None
) -> dict[str, str]:
    """An environment in which `load_settings()` finds these settings, wherever it is called.

    What is a default here is left to be one there. Paths become absolute.

    Args:
        settings: those in force.
        outside: whatever else is passed on; this process's environment unless given.
    """
    own = {
        name.lower()
        for field, info in Settings.model_fields.items()
        for name in (str(info.alias), _PREFIX + field)
    }
    base = os.environ if outside is None else outside
    found = {name: value for name, value in base.items() if name.lower() not in own}
    for field in settings.model_fields_set:
        value = getattr(settings, field)
        if value is not None and field != "home":
            found[str(Settings.model_fields[field].alias)] = _text(field, value)
    found["TRADINGKB_HOME"] = str(settings.absolute_home)
    return found


def output_folder(settings: Settings) -> Path:
    """Where runs leave their files: TRADINGKB_RUNBOOK_OUTPUT, else `runbooks` in the home."""
    return settings.runbook_folder


def _text(field: str, value: Any) -> str:
    if field == "database_url":
        return _absolute_url(str(value))
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, Mapping | list | tuple) else str(value)


def _absolute_url(url: str) -> str:
    """A URL of a SQLite file that means the same in another working folder."""
    import sqlalchemy as sa

    parsed = sa.make_url(url)
    name = parsed.database or ""
    if (
        parsed.get_backend_name() != "sqlite"
        or name in ("", ":memory:")
        or name.startswith("file:")
    ):
        return url
    return parsed.set(database=str(Path(name).absolute())).render_as_string(hide_password=False)
