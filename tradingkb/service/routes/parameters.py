"""Parameters that more than one route takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from fastapi import Query
from pydantic import StringConstraints

from tradingkb.service.problems import ProblemError

Workspace = Annotated[
    str, Query(min_length=1, max_length=64, description="Id (UUID) or slug of the workspace.")
]
Text = Annotated[str | None, Query(min_length=1, max_length=255)]
Name = Annotated[str, Query(min_length=1, max_length=255)]
_Short = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Texts = Annotated[
    list[_Short] | None, Query(max_length=50, description="Given several times: any of them.")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most rows of the page.")]
Cursor = Annotated[
    str | None, Query(min_length=1, max_length=600, description="`next` of the page before.")
]
Since = Annotated[
    str | None, Query(min_length=1, max_length=64, description="From when (ISO 8601).")
]
Until = Annotated[
    str | None,
    Query(min_length=1, max_length=64, description="Until when, not included (ISO 8601)."),
]
By = Annotated[
    str, Query(max_length=200, description="Columns to count by, with commas; empty for none.")
]
Flag = Literal["true", "false"] | None
At = Annotated[
    str | None,
    Query(min_length=1, max_length=64, description="Which of several; default the newest."),
]
_Ranges = Annotated[
    str | None,
    Query(
        min_length=2,
        max_length=4000,
        description='Bounds by column as JSON, null where open: {"sharpe_oos": [0.5, null]}.',
    ),
]
Ranges: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Selected:
    """Which trials are meant."""

    workspace_id: Workspace = "default"
    strategy_name: Texts = None
    symbol: Texts = None
    timeframe: Texts = None
    kb_status: Annotated[
        list[Literal["candidate", "promoted", "rejected"]] | None, Query(max_length=3)
    ] = None
    source_id: Texts = None
    source_type: Texts = None
    run_id: Texts = None
    ranges: _Ranges = None

    @property
    def where(self) -> dict[str, Any]:
        """The columns that are selected by, with their values."""
        given = {name: getattr(self, name) for name in _SELECTORS}
        return {name: values for name, values in given.items() if values is not None}

    @property
    def bounds(self) -> Ranges | None:
        """The ranges.

        Raises:
            ProblemError: a text that holds none.
        """
        if self.ranges is None:
            return None
        try:
            found = orjson.loads(self.ranges)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise ProblemError(
                422,
                "invalid_query",
                "ranges are no JSON object",
                remedy='give bounds by column: {"sharpe_oos": [0.5, null]}',
                field="ranges",
            )
        return found


_SELECTORS = (
    *("strategy_name", "symbol", "timeframe", "kb_status"),
    *("source_id", "source_type", "run_id"),
)


def listed(by: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name.strip() for name in by.split(",") if name.strip())


def given(where: dict[str, str | None]) -> dict[str, str]:
    """Those that are there."""
    return {name: value for name, value in where.items() if value is not None}
