"""What the log reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tradingkb.settings.environment import EnvironmentSettings


class LogSettings(EnvironmentSettings):
    """How log events are written, and which."""

    log_format: Literal["logfmt", "json"] = Field(
        "logfmt", alias="LOG_FORMAT", description="how log events are written"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "ERROR",
        alias="LOG_LEVEL",
        description="least severe event that is written; serve writes from INFO on unless it is "
        "set",
    )

    @property
    def service_log_level(self) -> str:
        """The level of a service: INFO unless LOG_LEVEL says otherwise.

        Whoever looks after a service reads in its log what it did; at a terminal that is noise.
        """
        return self.log_level if "log_level" in self.model_fields_set else "INFO"
