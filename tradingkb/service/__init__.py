"""The HTTP service: a thin face over `KnowledgeBase`."""

from tradingkb.service.app import create_app
from tradingkb.service.problems import STATUSES
from tradingkb.service.server import prepare, serve

__all__ = ["STATUSES", "create_app", "prepare", "serve"]
