"""What every class of settings has in common: where its values are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic_settings import BaseSettings, SettingsConfigDict

from tradingkb.masking import masked, masked_url

PREFIX: Final = "TRADINGKB_"


def is_address(field: str) -> bool:
    """Whether a field names a server, with or without a scheme: it may hold a password."""
    return field.endswith(("_url", "_host"))


class EnvironmentSettings(BaseSettings):
    """Read from arguments, then environment variables, then a `.env` file, then defaults.

    A class below this one names what one part of the package reads: each field with its environment
    variable as `alias`, its default and its meaning; a secret has `repr=False`.
    """

    # pydantic-settings looks up field names too, and the variable of a bare `home` is HOME: the
    # prefix keeps them among our own (aliases take none).
    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_prefix=PREFIX,
        hide_input_in_errors=True,  # it may be a URL with a password
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What is shown of a field: no secret of a URL."""
        for name, value in super().__repr_args__():
            hide = masked_url if is_address(name or "") else masked
            yield name, hide(value) if isinstance(value, str) else value
