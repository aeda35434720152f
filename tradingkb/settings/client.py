"""What clients of the HTTP service read, the dashboard first of all."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tradingkb.settings.environment import EnvironmentSettings


class ClientSettings(EnvironmentSettings):
    """Which service the dashboard asks, where it asks one, and how often."""

    service_url: str | None = Field(
        None,
        alias="TRADINGKB_SERVICE_URL",
        description="address of a service that the dashboard asks instead of opening the store, "
        "such as http://kb.example:8000",
    )
    service_token: str | None = Field(
        None,
        alias="TRADINGKB_SERVICE_TOKEN",
        description="the token of the workspace at that service, where it asks for one",
        repr=False,
    )
    service_timeout_s: float = Field(
        30.0,
        alias="TRADINGKB_SERVICE_TIMEOUT_S",
        gt=0,
        description="seconds in which that service has to answer",
    )
    dashboard_refresh_s: float = Field(
        30.0,
        alias="TRADINGKB_DASHBOARD_REFRESH_S",
        gt=0,
        description="seconds between two refreshes of a page; a slow part waits longer by itself",
    )

    @field_validator("service_url")
    @classmethod
    def _address(cls, given: str | None) -> str | None:
        """A place and nothing else: what stands before an @ would be shown in every heading."""
        if given is None:
            return None
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("is no address, such as http://kb.example:8000")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("has to be an address without user, password and options")
        return given

    @field_validator("service_token")
    @classmethod
    def _token_text(cls, given: str | None) -> str | None:
        if given is not None and not (given.isascii() and given.isprintable() and given.strip()):
            raise ValueError("a token has to be printable ASCII text")
        return given
