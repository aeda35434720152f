"""What `prune` reads."""

from __future__ import annotations

from pydantic import Field

from tradingkb.settings.environment import EnvironmentSettings


class RetentionSettings(EnvironmentSettings):
    """How long what is no trial is kept."""

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
