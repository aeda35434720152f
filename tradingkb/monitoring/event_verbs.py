"""The verbs of `KnowledgeBase` about what happened."""

from __future__ import annotations


class EventReports:
    """Part of `KnowledgeBase`."""
