"""The verbs of `KnowledgeBase` about what is wrong now."""

from __future__ import annotations


class Watching:
    """Part of `KnowledgeBase`."""
