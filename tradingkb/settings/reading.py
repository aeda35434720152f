"""Settings read together: named errors, and a table of values with where each came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from tradingkb.exceptions import ConfigurationError
from tradingkb.masking import masked, masked_url
from tradingkb.settings.environment import PREFIX, is_address
from tradingkb.settings.model import Settings
from tradingkb.settings.names import mistaken


def load_settings(**arguments: Any) -> Settings:
    """Settings with arguments taking precedence over the environment.

    Raises:
        ConfigurationError: a value that cannot be used, with its variable and the reason; a `.env`
            that is there and cannot be read.
    """
    return settings_of({name: value for name, value in arguments.items() if value is not None})


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Settings with these values; of those that are given, None too, the environment says nothing.

    Raises:
        ConfigurationError: as `load_settings`.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ConfigurationError(_problem(error)) from None
    except SettingsError as error:
        raise ConfigurationError(_unread(error)) from None
    except (OSError, UnicodeDecodeError) as error:  # a default in its place would be a guess
        raise ConfigurationError(
            f"the file .env in {Path.cwd()} cannot be read: {error}; correct it, let this user "
            "read it, or remove it"
        ) from None


def _unread(error: SettingsError) -> str:
    """A structure that is no JSON: variable and form, never the value."""
    name = next((n for n in Settings.model_fields if f'"{n}"' in str(error)), "")
    variable = str(Settings.model_fields[name].alias) if name else "a setting"
    return f"setting {variable}: is no JSON; correct or unset {variable}"


def _problem(error: ValidationError) -> str:
    """The first problem: variable, value unless it may hold a secret, and reason."""
    first = error.errors()[0]
    place = str(first["loc"][0]) if first["loc"] else ""
    name = next((n for n, f in Settings.model_fields.items() if place in (n, f.alias)), None)
    if name is None:
        return f"settings: {first['msg']}"
    field = Settings.model_fields[name]
    variable = str(field.alias)
    value = "" if is_address(name) or not field.repr else f" = {masked(repr(first.get('input')))}"
    reason = str(first["msg"]).removeprefix("Value error, ")
    return f"setting {variable}{value}: {reason}; correct or unset {variable}"


def describe(settings: Settings, arguments: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """One row per setting: variable, value, source, default, meaning. Secrets are masked."""
    given = {k for k, v in (arguments or {}).items() if v is not None}
    dotenv = _dotenv_names()
    rows = []
    for name, field in Settings.model_fields.items():
        variable = str(field.alias)
        rows.append(
            {
                "setting": variable,
                "value": _shown(name, getattr(settings, name)),
                "source": _source(name, variable, given, dotenv),
                "default": _plain(field.default),
                "meaning": field.description or "",
            }
        )
    return rows


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Value by variable of what anybody may see: no secret, no URL (it may hold one), no path."""
    found = {
        str(field.alias): getattr(settings, name)
        for name, field in Settings.model_fields.items()
        if field.repr and not is_address(name)
    }
    return {name: value for name, value in found.items() if not isinstance(value, Path)}


def _shown(name: str, value: Any) -> Any:
    if value and not Settings.model_fields[name].repr:
        return "********"
    return masked_url(value) if value and is_address(name) else _plain(value)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _source(name: str, variable: str, given: set[str], dotenv: set[str]) -> str:
    if name in given:
        return "argument"
    names = {variable.lower(), (PREFIX + name).lower()}
    if names & {k.lower() for k in os.environ}:
        return "environment"
    return ".env" if names & dotenv else "default"


def doubtful_names() -> list[str]:
    """What `.env` sets that looks like a setting and is none: a sentence each."""
    return [
        f".env sets {name}, which is no setting" + (f": did you mean {near}?" if near else "")
        for name, near in mistaken(filter(str.isidentifier, sorted(_dotenv_names()))).items()
    ]


def _dotenv_names() -> set[str]:
    try:
        lines = Path(".env").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {line.split("=", 1)[0].removeprefix("export ").strip().lower() for line in lines}
