"""Log events, who is told of them, and how they are written."""

from tradingkb.observability.events import Subscriber, configure_logging, emit, subscribe

__all__ = ["Subscriber", "configure_logging", "emit", "subscribe"]
