"""What runbooks read."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tradingkb.settings.environment import EnvironmentSettings


class RunbookSettings(EnvironmentSettings):
    """Where runbooks are, where their runs leave what they did, and who is told of a failed one."""

    runbooks_dir: Path | None = Field(
        None,
        alias="RUNBOOKS_DIR",
        description="folder of the notebooks; default those that came with the package",
    )
    runbook_output: Path | None = Field(
        None,
        alias="TRADINGKB_RUNBOOK_OUTPUT",
        description="folder of executed notebooks and reports; default runbooks in the home",
    )
    runbook_on_failure: str | None = Field(
        None,
        alias="RUNBOOK_ON_FAILURE",
        description="command, or http(s) URL, that is given the JSON of each failed run: on stdin, "
        "or as the body of a POST",
        repr=False,  # such URLs are secrets
    )
    runbooks_retention_days: int = Field(
        90,
        alias="TRADINGKB_RUNBOOKS_RETENTION_DAYS",
        ge=1,
        description="age from which prune deletes runs of runbooks, with their notebooks and "
        "reports, and what schedules decided",
    )
    schedules: Path | None = Field(
        None,
        alias="TRADINGKB_SCHEDULES",
        description="file of the schedules; default schedules.toml in the working folder",
    )
