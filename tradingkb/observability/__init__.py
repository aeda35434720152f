"""Log events and how they are written."""

from tradingkb.observability.events import configure_logging, emit

__all__ = ["configure_logging", "emit"]
