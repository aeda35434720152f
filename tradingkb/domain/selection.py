"""Which trials are meant: ids, filters, or both."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from tradingkb.domain.lifecycle import Status


@dataclass(frozen=True)
class Selection:
    """Trials by ids and filters; everything that is given holds.

    Attributes:
        trials: one or several ids (trial_id as int, source_id or point id as text), or a frame with
            one of these columns.
        strategy_name, symbol, timeframe, source_type: as they are stored.
        run_id: the run that last wrote the trial.
        kb_status: its status.
    """

    trials: Any = None
    strategy_name: str | None = None
    symbol: str | None = None
    timeframe: str | None = None
    source_type: str | None = None
    run_id: str | None = None
    kb_status: Status | None = None

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that are given, by column."""
        names = (field.name for field in fields(self) if field.name != "trials")
        return {name: value for name in names if (value := getattr(self, name)) is not None}
