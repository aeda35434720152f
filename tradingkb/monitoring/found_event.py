"""One recorded answer, as it can be worked with."""

from __future__ import annotations

import json
from typing import Any

from tradingkb.domain import as_moment
from tradingkb.exceptions import NotFoundError
from tradingkb.monitoring.spans import Moment
from tradingkb.plain import STRUCTURES
from tradingkb.ports import ReportStore


def found_event(
    store: ReportStore, workspace_id: str, request_id: str, at: Moment
) -> dict[str, Any]:
    """The newest event of a request, or the one of a time; raises as `KnowledgeBase.event`."""
    moment = as_moment(at, "at")
    found = store.event(workspace_id, request_id, moment)
    if found.is_empty():
        when = "" if moment is None else f" at {moment.isoformat()}"
        raise NotFoundError(
            "request_id",
            f"{str(request_id)[:80]}{when}",
            None,
            remedy="no answer of that name is stored here: it was never recorded, or was pruned",
        )
    return {k: _read(k, v) for k, v in found.row(0, named=True).items()}


def _read(name: str, value: Any) -> Any:
    return json.loads(value) if name in STRUCTURES and isinstance(value, str) else value
