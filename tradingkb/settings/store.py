"""What the store reads."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from tradingkb.exceptions import ConfigurationError
from tradingkb.masking import masked_url
from tradingkb.settings.environment import EnvironmentSettings
from tradingkb.settings.urls import parse_url


class StoreSettings(EnvironmentSettings):
    """Where the store is."""

    home: Path = Field(
        Path(".tradingkb"),
        alias="TRADINGKB_HOME",
        description="folder of the embedded store and of rejects files",
    )
    database_url: str | None = Field(
        None,
        alias="DATABASE_URL",
        description="SQLAlchemy URL of the store; default: a SQLite file in the home",
    )

    @field_validator("database_url")
    @classmethod
    def _readable_url(cls, url: str | None) -> str | None:
        if url is not None:
            parse_url(url)
        return url

    @property
    def absolute_home(self) -> Path:
        """The home, wherever the process goes later.

        Raises:
            ConfigurationError: it cannot be a folder.
        """
        try:
            found = self.home.expanduser().resolve()
            found.exists()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL, no such user
            raise ConfigurationError(
                f"the home {str(self.home)!a} cannot be used: {error}; give another home to "
                "connect() or set TRADINGKB_HOME"
            ) from error
        return found

    @property
    def store_url(self) -> str:
        """The URL of the store: DATABASE_URL, else the SQLite file in the home."""
        return self.database_url or f"sqlite:///{self.home / 'tradingkb.db'}"

    @property
    def shown_store_url(self) -> str:
        """The URL of the store with its password masked."""
        return masked_url(self.store_url)
