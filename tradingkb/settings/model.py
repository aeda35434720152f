"""All settings: the sum of what the parts of the package read."""

from __future__ import annotations

from pathlib import Path

from tradingkb.settings.answers import AnswerSettings
from tradingkb.settings.client import ClientSettings
from tradingkb.settings.index import IndexSettings
from tradingkb.settings.logs import LogSettings
from tradingkb.settings.process import ProcessSettings
from tradingkb.settings.retention import RetentionSettings
from tradingkb.settings.runbooks import RunbookSettings
from tradingkb.settings.service import ServiceSettings
from tradingkb.settings.store import StoreSettings


# pydantic takes the fields of the last base first: read upwards, this is the order of every table.
class Settings(
    ClientSettings,
    ServiceSettings,
    RunbookSettings,
    RetentionSettings,
    AnswerSettings,
    ProcessSettings,
    LogSettings,
    IndexSettings,
    StoreSettings,
):
    """Read from arguments, then environment variables, then a `.env` file, then defaults."""

    @property
    def runbook_folder(self) -> Path:
        """Where runs of runbooks leave their files: as chosen, else `runbooks` in the home.

        Raises:
            ConfigurationError: the home cannot be a folder.
        """
        chosen = self.runbook_output
        return chosen.expanduser().absolute() if chosen else self.absolute_home / "runbooks"
