"""Log events: structured, logfmt by default, silent until a program configures logging.

A library must not print: events go to the standard logger "tradingkb" at INFO, and nothing shows
them until `configure_logging` (the CLI calls it) or the application's own logging does.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal

import structlog

from tradingkb.printable import printable

_LOGGER: Final = logging.getLogger("tradingkb")
_LOGGER.addHandler(logging.NullHandler())


def emit(event: str, **fields: Any) -> None:
    """Logs one event; the field order is kept."""
    if _LOGGER.isEnabledFor(logging.INFO):
        _LOGGER.info(event, extra={"tradingkb_fields": fields})


class _Formatter(logging.Formatter):
    """Renders events with structlog's renderers, in UTC; other records keep their message."""

    def __init__(self, style: Literal["logfmt", "json"]) -> None:
        super().__init__()
        self._render: Any = (
            structlog.processors.JSONRenderer()
            if style == "json"
            else structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            )
        )

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields = {
            # The form of `plain.time_text`, without what a JSON form needs to be loaded.
            "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_flat(getattr(record, "tradingkb_fields", {})),
        }
        return printable(str(self._render(_LOGGER, record.levelname.lower(), fields)))


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Lists as comma-separated text: logfmt holds no structures, and grep wants words."""
    return {
        key: ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        for key, value in fields.items()
    }


def configure_logging(level: str, style: Literal["logfmt", "json"]) -> None:
    """Writes events of at least `level` to stderr, once, however often it is called."""
    for handler in list(_LOGGER.handlers):
        if isinstance(handler.formatter, _Formatter):
            _LOGGER.removeHandler(handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(level)
    _LOGGER.propagate = False
