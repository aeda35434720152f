"""Every setting: its environment variable, default and meaning, and where a value came from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tradingkb.exceptions import ConfigurationError

_PREFIX: Final = "TRADINGKB_"


class Settings(BaseSettings):
    """Read from arguments, then environment variables, then a `.env` file, then defaults."""

    # pydantic-settings looks up field names too, and the variable of a bare `home` is HOME: the
    # prefix keeps them among our own (aliases take none).
    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_prefix=_PREFIX,
    )

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
    weight_neutral: float = Field(
        2.0,
        alias="TRADINGKB_WEIGHT_NEUTRAL",
        gt=0,
        description="quarters' worth of belief that a parameter set is average",
    )
    weight_timeframe: float = Field(
        10.0,
        alias="TRADINGKB_WEIGHT_TIMEFRAME",
        gt=0,
        description="quarters' worth of all timeframes in the mean of the own one",
    )
    weight_own: float = Field(
        10.0,
        alias="TRADINGKB_WEIGHT_OWN",
        gt=0,
        description="windows' worth of other instruments in the mean of the own one",
    )
    weight_regime_measured: float = Field(
        30.0,
        alias="TRADINGKB_WEIGHT_REGIME_MEASURED",
        gt=0,
        description="windows like a measured regime at which they count half",
    )
    weight_regime_stated: float = Field(
        2.0,
        alias="TRADINGKB_WEIGHT_REGIME_STATED",
        gt=0,
        description="windows like a stated regime at which they count half",
    )
    weight_few_trades: float = Field(
        0.15,
        alias="TRADINGKB_WEIGHT_FEW_TRADES",
        ge=0,
        le=1,
        description="rank given up between the sets that trade least and most in-sample",
    )
    bandwidth_measured: float = Field(
        1.0,
        alias="TRADINGKB_BANDWIDTH_MEASURED",
        gt=0,
        description="width of the kernel around a measured regime, in standard deviations",
    )
    bandwidth_stated: float = Field(
        0.5,
        alias="TRADINGKB_BANDWIDTH_STATED",
        gt=0,
        description="width of the kernel around a stated regime, in standard deviations",
    )
    embargo_s: float = Field(
        0.0,
        alias="TRADINGKB_EMBARGO_S",
        ge=0,
        description="seconds that must pass after known_at before a trial counts",
    )
    events_retention_days: int = Field(
        365,
        alias="TRADINGKB_EVENTS_RETENTION_DAYS",
        ge=1,
        description="age from which prune deletes recommend events",
    )
    runs_retention_days: int = Field(
        365,
        alias="TRADINGKB_RUNS_RETENTION_DAYS",
        ge=1,
        description="age from which prune deletes finished runs that no trial came from",
    )

    @field_validator("database_url")
    @classmethod
    def _readable_url(cls, url: str | None) -> str | None:
        if url is not None:
            _parse_url(url)
        return url

    @property
    def store_url(self) -> str:
        """The URL of the store: DATABASE_URL, else the SQLite file in the home."""
        return self.database_url or f"sqlite:///{self.home / 'tradingkb.db'}"

    @property
    def shown_store_url(self) -> str:
        """The URL of the store with its password masked."""
        return _masked_url(self.store_url)


def load_settings(**arguments: Any) -> Settings:
    """Settings with arguments taking precedence over the environment.

    Raises:
        ConfigurationError: a value that cannot be used, with its variable and the reason.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ConfigurationError(_problem(error)) from None


def _problem(error: ValidationError) -> str:
    """The first problem: variable, value unless it may hold a secret, and reason."""
    first = error.errors()[0]
    place = str(first["loc"][0]) if first["loc"] else ""
    name = next((n for n, f in Settings.model_fields.items() if place in (n, f.alias)), None)
    if name is None:
        return f"settings: {first['msg']}"
    field = Settings.model_fields[name]
    variable = str(field.alias)
    value = "" if name == "database_url" or not field.repr else f" = {first.get('input')!r}"
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


def _shown(name: str, value: Any) -> Any:
    if value and not Settings.model_fields[name].repr:
        return "********"
    return _masked_url(value) if value and name.endswith("_url") else _plain(value)


def _masked_url(url: str) -> str:
    """The URL with `***` in place of a password, as SQLAlchemy does it."""
    return re.sub(r"(?<=://)([^/?#]*?):[^/?#]*@", r"\1:***@", url)


def _parse_url(url: str) -> None:
    """Raises ValueError when no database can be reached by this URL; the URL is not repeated."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url).get_dialect()
    except (ArgumentError, ImportError, ValueError):  # NoSuchModuleError is an ArgumentError
        raise ValueError(
            "is no SQLAlchemy URL of a known database, such as "
            "postgresql+psycopg://user:password@host/name"
        ) from None


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _source(name: str, variable: str, given: set[str], dotenv: set[str]) -> str:
    if name in given:
        return "argument"
    names = {variable.lower(), (_PREFIX + name).lower()}
    if names & {k.lower() for k in os.environ}:
        return "environment"
    return ".env" if names & dotenv else "default"


def _dotenv_names() -> set[str]:
    try:
        lines = Path(".env").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {line.split("=", 1)[0].removeprefix("export ").strip().lower() for line in lines}
