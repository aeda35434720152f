"""Every setting, one class per reader, and `Settings`, their sum.

A reader is typed by its class alone: `Workspaces(store, settings: IndexSettings)`. For a new reader
there is a new class in a module of its own, and a line among the bases of `Settings`.
"""

from tradingkb.settings.answers import AnswerSettings
from tradingkb.settings.client import ClientSettings
from tradingkb.settings.environment import is_address
from tradingkb.settings.index import IndexSettings
from tradingkb.settings.logs import LogSettings
from tradingkb.settings.model import Settings
from tradingkb.settings.names import misplaced
from tradingkb.settings.process import ProcessSettings
from tradingkb.settings.reading import (
    describe,
    doubtful_names,
    load_settings,
    settings_of,
    shown_settings,
)
from tradingkb.settings.retention import RetentionSettings
from tradingkb.settings.runbooks import RunbookSettings
from tradingkb.settings.service import ServiceSettings
from tradingkb.settings.store import StoreSettings

__all__ = [
    "AnswerSettings",
    "ClientSettings",
    "IndexSettings",
    "LogSettings",
    "ProcessSettings",
    "RetentionSettings",
    "RunbookSettings",
    "ServiceSettings",
    "Settings",
    "StoreSettings",
    "describe",
    "doubtful_names",
    "is_address",
    "load_settings",
    "misplaced",
    "settings_of",
    "shown_settings",
]
