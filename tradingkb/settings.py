"""Every setting: its environment variable, default and meaning, and where a value came from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tradingkb.exceptions import ConfigurationError


class Settings(BaseSettings):
    """Read from arguments, then environment variables, then a `.env` file, then defaults."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True,
        populate_by_name=True,
    )  # fmt: skip

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
    qdrant_url: str | None = Field(
        None,
        alias="QDRANT_URL",
        description="Qdrant server (or :memory:); default: the embedded vector index",
    )
    qdrant_api_key: str | None = Field(
        None, alias="QDRANT_API_KEY", description="API key of the Qdrant server", repr=False
    )
    embed_model: str = Field("regime-v1", alias="EMBED_MODEL", description="active embedding model")
    embed_dim: int = Field(64, alias="EMBED_DIM", gt=0, description="dimension of its vectors")
    collection: str | None = Field(
        None,
        alias="QDRANT_COLLECTION_ACTIVE",
        description="active vector collection; default: kb_<model>_v1",
    )
    log_format: Literal["logfmt", "json"] = Field(
        "logfmt", alias="LOG_FORMAT", description="how log events are written"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "WARNING", alias="LOG_LEVEL", description="least severe event that is written"
    )
    replica: str = Field("local", alias="TRADINGKB_REPLICA", description="name of this process")
    top_k: int = Field(
        50, alias="TRADINGKB_TOP_K", gt=0, description="evidence trials listed with an answer"
    )
    neighbour_windows: int = Field(
        100,
        alias="TRADINGKB_NEIGHBOUR_WINDOWS",
        gt=0,
        description="windows that the vector search returns",
    )
    tie_epsilon: float = Field(
        0.02,
        alias="TRADINGKB_TIE_EPSILON",
        ge=0,
        lt=1,
        description="scores closer than this are tied",
    )
    embargo_s: float = Field(
        0.0,
        alias="TRADINGKB_EMBARGO_S",
        ge=0,
        description="seconds that must pass after known_at before a trial counts",
    )

    @property
    def store_url(self) -> str:
        """The URL of the store: DATABASE_URL, else the SQLite file in the home."""
        return self.database_url or f"sqlite:///{self.home / 'tradingkb.db'}"


def load_settings(**arguments: Any) -> Settings:
    """Settings with arguments taking precedence over the environment.

    Raises:
        ConfigurationError: a value that cannot be used, with its variable and the reason.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"setting {name} = {first.get('input')!r}: {first['msg']}; correct or unset {name}"
        ) from None


def describe(settings: Settings, arguments: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """One row per setting: variable, value, source, default, meaning. Secrets are masked."""
    given = {k for k, v in (arguments or {}).items() if v is not None}
    dotenv = _dotenv_names()
    rows = []
    for name, field in Settings.model_fields.items():
        variable = str(field.alias)
        value = getattr(settings, name)
        rows.append(
            {
                "setting": variable,
                "value": "********" if value and not field.repr else _plain(value),
                "source": _source(name, variable, given, dotenv),
                "default": _plain(field.default),
                "meaning": field.description or "",
            }
        )
    return rows


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _source(name: str, variable: str, given: set[str], dotenv: set[str]) -> str:
    if name in given:
        return "argument"
    if variable.lower() in {k.lower() for k in os.environ}:
        return "environment"
    return ".env" if variable.lower() in dotenv else "default"


def _dotenv_names() -> set[str]:
    try:
        lines = Path(".env").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {line.split("=", 1)[0].removeprefix("export ").strip().lower() for line in lines}
