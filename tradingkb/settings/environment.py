"""What every class of settings has in common: where its values are read."""

from __future__ import annotations

from typing import Final

from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "TRADINGKB_"


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
    )
