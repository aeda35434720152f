"""What runbooks read."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tradingkb.settings.environment import EnvironmentSettings


class RunbookSettings(EnvironmentSettings):
    """Where runbooks are."""

    runbooks_dir: Path | None = Field(
        None,
        alias="RUNBOOKS_DIR",
        description="folder of the notebooks; default those that came with the package",
    )
