"""Queries about past decisions and the confidence fitted on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.ports import Calibration
from tradingkb.sql import read, reading, writing
from tradingkb.stores import schema

_O = schema.decision_outcomes.c
_C = schema.calibrations.c
#: What outcomes once said beside, which the last release still reads and no row may lack.
_UNUSED: Final[dict[str, Any]] = {"status": "", "features": []}
_COLUMNS: Final = (
    "strategy_name",
    "window_key",
    "fingerprint",
    "as_of",
    "known_at",
    "quarter",
    "won",
)


class CalibrationQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def outcomes(self, workspace_id: str, objective_type: str) -> pl.DataFrame:
        """Every replayed decision, by strategy, as_of and window_key."""
        statement = (
            sa.select(*(_O[name] for name in _COLUMNS))
            .where((_O.workspace_id == workspace_id) & (_O.objective_type == objective_type))
            .order_by(_O.strategy_name, _O.as_of, _O.window_key)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def replace_outcomes(
        self, workspace_id: str, objective_type: str, strategy_name: str, rows: pl.DataFrame
    ) -> None:
        """Replaces the outcomes of one strategy in one transaction."""
        shared = {
            "workspace_id": workspace_id,
            "objective_type": objective_type,
            "strategy_name": strategy_name,
        }
        mine = sa.and_(*(_O[name] == value for name, value in shared.items()))
        records = [{**row, **shared, **_UNUSED} for row in rows.to_dicts()]
        with writing(self.engine) as connection:
            connection.execute(sa.delete(schema.decision_outcomes).where(mine))
            if records:
                connection.execute(sa.insert(schema.decision_outcomes), records)

    def save_calibration(self, workspace_id: str, calibration: Calibration) -> None:
        """Stores a fitted confidence."""
        values = {name: value for name, value in vars(calibration).items() if name != "id"}
        with writing(self.engine) as connection:
            connection.execute(
                sa.insert(schema.calibrations).values(workspace_id=workspace_id, **values)
            )

    def calibration_mark(
        self, workspace_id: str, objective_type: str
    ) -> tuple[int, datetime] | None:
        """Number and time of the newest confidence of an objective."""
        newest = _newest(sa.select(_C.id, _C.fitted_at), workspace_id, objective_type)
        with reading(self.engine) as connection:
            row = connection.execute(newest).first()
        return None if row is None else (int(row[0]), row[1])

    def calibration(self, workspace_id: str, objective_type: str) -> Calibration | None:
        """The newest confidence of an objective."""
        newest = _newest(sa.select(schema.calibrations), workspace_id, objective_type)
        with reading(self.engine) as connection:
            row = connection.execute(newest).mappings().first()
        if row is None:
            return None
        return Calibration(**{k: v for k, v in row.items() if k != "workspace_id"})


def _newest(
    rows: sa.Select[tuple[Any, ...]], workspace_id: str, objective_type: str
) -> sa.Select[tuple[Any, ...]]:
    """The last one of an objective."""
    mine = (_C.workspace_id == workspace_id) & (_C.objective_type == objective_type)
    return rows.where(mine).order_by(_C.id.desc()).limit(1)
