"""What the HTTP service reads."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from pydantic import Field, field_validator

from tradingkb.settings.environment import EnvironmentSettings

_SHORTEST_TOKEN: Final = 8


class ServiceSettings(EnvironmentSettings):
    """Who may ask what of the service, how much at once, and who is told of trouble."""

    admin_token: str | None = Field(
        None,
        alias="ADMIN_TOKEN",
        description="what X-Admin-Token must hold on admin routes, at least 8 characters; without "
        "it they are closed",
        repr=False,
    )
    workspace_tokens: dict[str, str] = Field(
        {},
        alias="WORKSPACE_TOKENS",
        description='JSON object of slug or id to token, such as {"desk": "..."}; where it is set '
        "every request needs the token of its workspace as Authorization: Bearer",
        repr=False,
    )
    cors_origins: str = Field(
        "", alias="CORS_ORIGINS", description="origins that browsers may ask from, with commas"
    )
    docs_enabled: bool = Field(
        True, alias="DOCS_ENABLED", description="whether /docs and /openapi.json are served"
    )
    max_body_bytes: int = Field(
        10_000_000,
        alias="TRADINGKB_MAX_BODY_BYTES",
        gt=0,
        description="largest body of a request, in bytes",
    )
    max_rows: int = Field(
        50_000,
        alias="TRADINGKB_MAX_ROWS",
        gt=0,
        description="most trials or price bars in one request",
    )
    body_timeout_s: float = Field(
        20.0,
        alias="TRADINGKB_BODY_TIMEOUT_S",
        gt=0,
        description="seconds in which the body of a request has to arrive",
    )
    threads: int = Field(
        8,
        alias="TRADINGKB_THREADS",
        gt=0,
        description="requests that one replica works on at once; database pools are as large",
    )
    recommend_deadline_s: float = Field(
        30.0,
        alias="TRADINGKB_RECOMMEND_DEADLINE_S",
        gt=0,
        description="seconds after which a recommendation over HTTP is given up",
    )
    rate_limit_per_minute: int = Field(
        30,
        alias="RATE_LIMIT_PER_MINUTE",
        ge=0,
        description="requests of one workspace in any minute, counted where RATE_LIMIT_BACKEND "
        "says; 0 for no limit",
    )
    rate_limit_concurrent: int = Field(
        2,
        alias="RATE_LIMIT_CONCURRENT",
        ge=0,
        description="requests of one workspace at once, counted likewise; 0 for no limit",
    )
    rate_limit_reads_per_minute: int = Field(
        300,
        alias="RATE_LIMIT_READS_PER_MINUTE",
        ge=0,
        description="requests for lists and reports of one workspace in any minute, counted "
        "likewise and beside the requests above; 0 for no limit",
    )
    rate_limit_reads_concurrent: int = Field(
        4,
        alias="RATE_LIMIT_READS_CONCURRENT",
        ge=0,
        description="requests for lists and reports of one workspace at once, counted likewise; "
        "0 for no limit",
    )
    rate_limit_backend: Literal["memory", "redis"] = Field(
        "memory",
        alias="RATE_LIMIT_BACKEND",
        description="where requests are counted: memory, each replica for itself; or redis, all "
        "replicas together at REDIS_URL",
    )
    redis_url: str | None = Field(
        None,
        alias="REDIS_URL",
        description="Redis server, such as redis://:password@host:6379/0, or rediss:// for TLS",
        repr=False,
    )
    rate_limit_fail: Literal["open", "closed"] = Field(
        "open",
        alias="RATE_LIMIT_FAIL",
        description="while Redis does not count: open counts in each replica's memory, closed "
        "refuses with 503 all but lists and reports, which are counted in memory, and /ready says "
        "no",
    )
    shutdown_grace_s: float = Field(
        30.0,
        alias="TRADINGKB_SHUTDOWN_GRACE_S",
        ge=0,
        description="seconds that requests in flight have to end after SIGTERM",
    )
    drain_s: float = Field(
        0.0,
        alias="TRADINGKB_DRAIN_S",
        ge=0,
        description="seconds after SIGTERM in which connections are still taken, while /ready "
        "says no",
    )
    sentry_dsn: str | None = Field(
        None,
        alias="SENTRY_DSN",
        description="where Sentry takes none and degraded answers, and failures",
        repr=False,
    )
    sentry_sample_rate: float = Field(
        0.1,
        alias="SENTRY_SAMPLE_RATE",
        ge=0,
        le=1,
        description="share of none and degraded answers that Sentry is told of",
    )

    @field_validator("admin_token", "workspace_tokens")
    @classmethod
    def _sendable(cls, given: Any) -> Any:
        """Header fields hold printable ASCII; another token could never be sent."""
        tokens = list(given.values()) if isinstance(given, dict) else [given]
        if any(t is not None and not (t.isascii() and t.isprintable()) for t in tokens):
            raise ValueError("a token has to be printable ASCII text")
        if any(t is not None and len(t) < _SHORTEST_TOKEN for t in tokens):
            raise ValueError(f"a token has to have at least {_SHORTEST_TOKEN} characters")
        if len(set(tokens)) < len(tokens):
            raise ValueError("each workspace needs a token of its own")
        return given

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, given: str) -> str:
        """What browsers send: a scheme, a host and perhaps a port."""
        for origin in filter(None, map(str.strip, given.split(","))):
            if not re.fullmatch(r"\*|https?://[^/\s]+", origin):
                raise ValueError(f"{origin!r} is no origin, such as https://desk.example")
        return given
