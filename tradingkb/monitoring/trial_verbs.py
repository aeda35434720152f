"""The verbs of `KnowledgeBase` about what the stored trials look like."""

from __future__ import annotations


class TrialReports:
    """Part of `KnowledgeBase`."""
