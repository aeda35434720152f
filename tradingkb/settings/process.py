"""What a process says of itself."""

from __future__ import annotations

from pydantic import Field

from tradingkb.settings.environment import EnvironmentSettings


class ProcessSettings(EnvironmentSettings):
    """Which of several processes this is."""

    replica: str = Field("local", alias="TRADINGKB_REPLICA", description="name of this process")
