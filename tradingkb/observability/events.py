"""Log events: structured, logfmt by default, silent until a program configures logging.

A library must not print: events go to the standard logger "tradingkb" at INFO, and nothing shows
them until `configure_logging` (the CLI calls it) or the application's own logging does. Subscribers
(metrics) are told of every event, whatever is logged.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from tradingkb.masking import anonymous, masked
from tradingkb.observability.lines import json_line, logfmt

_LOGGER: Final = logging.getLogger("tradingkb")
_LOGGER.addHandler(logging.NullHandler())


#: Events that somebody should look at, whoever else is asked for.
WARNINGS: Final = frozenset(
    {
        *("circuit_opened", "db_retry", "qdrant_retry", "ollama_retry", "service_waits"),
        *("http_unexpected_error", "kb_archive_qdrant_failed", "kb_content_damaged"),
        *("kb_event_dropped", "kb_metrics_unread"),
        *("runbook_unrecorded", "runbook_failure_untold"),
    }
)
#: Told the name and the fields of every event.
Subscriber = Callable[[str, Mapping[str, Any]], None]
_SUBSCRIBERS: Final[list[Subscriber]] = []


def emit(event: str, **fields: Any) -> None:
    """Tells subscribers of one event and logs it; the field order is kept, and no secret of a URL.

    What a subscriber raises is logged, and hurts nobody else.
    """
    for tell in tuple(_SUBSCRIBERS):
        try:
            tell(event, fields)
        except Exception:
            _LOGGER.exception("a subscriber of events failed")
    level = logging.WARNING if event in WARNINGS else logging.INFO
    if _LOGGER.isEnabledFor(level):
        shown = {k: _shown(k, v) if isinstance(v, str) else v for k, v in fields.items()}
        _LOGGER.log(level, event, extra={"tradingkb_fields": shown})


def _shown(name: str, text: str) -> str:
    return anonymous(text) if name == "error" else masked(text)


def subscribe(subscriber: Subscriber) -> Callable[[], None]:
    """Tells a subscriber of every event from now on, in the thread that emits it.

    Returns:
        Ends it.
    """
    _SUBSCRIBERS.append(subscriber)

    def end() -> None:
        if subscriber in _SUBSCRIBERS:
            _SUBSCRIBERS.remove(subscriber)

    return end


class _Formatter(logging.Formatter):
    """One line per record, in UTC: an event with its fields, or another record's message."""

    def __init__(self, style: Literal["logfmt", "json"]) -> None:
        super().__init__()
        self._render = json_line if style == "json" else logfmt

    def format(self, record: logging.LogRecord) -> str:
        """One line; of an error its type and message, for a traceback has many."""
        error = record.exc_info[1] if record.exc_info else None
        return self._render(
            {
                # The form of `plain.time_text`, without what a JSON form needs to be loaded.
                "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
                "level": record.levelname.lower(),
                "event": record.getMessage(),
                **({} if error is None else {"error": f"{type(error).__name__}: {error}"}),
                **getattr(record, "tradingkb_fields", {}),
            }
        )


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
