"""The result that a notebook of these tests shows."""

from __future__ import annotations

from typing import Any

RESULT: dict[str, Any] = {
    **{"runbook": "01_first", "version": "v", "workspace": "default", "dry_run": True},
    **{"parameters": {}, "outcome": "nothing_to_do", "findings": []},
    **{"actions": [], "next_steps": []},
}
