"""How two metrics of a strategy's trials lie together: counts per field of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.exceptions import InvalidInputError
from tradingkb.monitoring.evidence import EvidenceStore, version_in_force
from tradingkb.monitoring.trial_pages import metric_name
from tradingkb.reports import Report

Floats = NDArray[np.float64]
#: What lies outside of these quantiles would squeeze the rest into one corner.
QUANTILES: Final = (0.005, 0.995)
MOST_BINS: Final = 200
#: Trials below which a correlation says nothing.
_FEWEST: Final = 3


@dataclass(frozen=True, repr=False)
class TrialDensity(Report):
    """How two metrics of a strategy's trials lie together.

    Trials are those that count as evidence: known, not withdrawn, not rejected, of the version in
    force or of none that they name.

    Attributes:
        strategy_name, version: whose trials.
        x, y: the two metrics.
        x_low, x_high, y_low, y_high: limits of the fields: the 0.5 % and 99.5 % quantiles; null
            without trials.
        n: trials with both metrics.
        n_missing: trials without one of them.
        n_outside: of the n, those outside of the limits, which no field counts.
        rank_correlation: Spearman's, of all n; None below three or where one metric is constant.
        cells: one row per field with a trial: x_low, x_high, y_low, y_high, n.
    """

    strategy_name: str
    version: str | None
    x: str
    y: str
    x_low: float | None
    x_high: float | None
    y_low: float | None
    y_high: float | None
    n: int
    n_missing: int
    n_outside: int
    rank_correlation: float | None
    cells: pl.DataFrame

    def summary(self) -> str:
        """One line."""
        found = self.rank_correlation
        told = "" if found is None else f", rank correlation {found:.2f}"
        return f"{self.y} over {self.x} of {self.n:,} trials of {self.strategy_name}{told}"


def trial_density(
    store: EvidenceStore,
    workspace_id: str,
    strategy_name: str,
    x: str,
    y: str,
    bins: Any,
    until: datetime,
) -> TrialDensity:
    """Reads two columns and counts; raises as `KnowledgeBase.trial_density`."""
    names = tuple(metric_name(name, field) for name, field in ((x, "x"), (y, "y")))
    if isinstance(bins, bool) or not isinstance(bins, int) or not 1 <= bins <= MOST_BINS:
        raise InvalidInputError(
            f"{bins!r} is no number of fields", field="bins", remedy=f"give 1 to {MOST_BINS}"
        )
    version = version_in_force(store, workspace_id, strategy_name, until)
    columns = tuple(dict.fromkeys(names))
    rows = store.counted_trials(workspace_id, strategy_name, columns, until, version)
    both = rows.drop_nulls()
    x_values, y_values = (both[name].cast(pl.Float64).to_numpy() for name in names)
    pair, limits = (x_values, y_values), (limits_of(x_values), limits_of(y_values))
    cells = count_fields(pair, limits, bins)
    return TrialDensity(
        strategy_name=strategy_name,
        version=version,
        x=names[0],
        y=names[1],
        x_low=limits[0][0],
        x_high=limits[0][1],
        y_low=limits[1][0],
        y_high=limits[1][1],
        n=both.height,
        n_missing=rows.height - both.height,
        n_outside=both.height - int(cells["n"].sum()),
        rank_correlation=rank_correlation(*pair),
        cells=cells,
    )


def limits_of(values: Floats) -> tuple[float | None, float | None]:
    """From where to where the fields reach, low < high; None without values."""
    if not len(values):
        return None, None
    low, high = map(float, np.quantile(values, QUANTILES, method="nearest"))
    if low == high:  # most are the same: then all others are of interest
        low, high = float(values.min()), float(values.max())
    if low == high:
        room = max(0.5, abs(low) / 1e6)
        low, high = low - room, high + room
    return low, high


def count_fields(
    pair: tuple[Floats, Floats], limits: tuple[tuple[float | None, float | None], ...], bins: int
) -> pl.DataFrame:
    """Trials per field: x_low, x_high, y_low, y_high, n, in order; fields without one left out.

    A field holds its lower edges, and the last one of each row and column its upper edge, too.
    """
    (x_low, x_high), (y_low, y_high) = limits
    if x_low is None or x_high is None or y_low is None or y_high is None:
        return _cells(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    edges_x = np.linspace(x_low, x_high, bins + 1)
    edges_y = np.linspace(y_low, y_high, bins + 1)
    n = np.histogram2d(*pair, bins=(edges_x, edges_y))[0].astype(np.int64)
    i, j = np.nonzero(n)
    return _cells(edges_x[i], edges_x[i + 1], edges_y[j], edges_y[j + 1], n[i, j])


def _cells(*columns: NDArray[np.generic]) -> pl.DataFrame:
    names = ("x_low", "x_high", "y_low", "y_high", "n")
    return pl.DataFrame(dict(zip(names, columns, strict=True)))


def rank_correlation(x: Floats, y: Floats) -> float | None:
    """Spearman's, ties by their mean rank; None below three, or where one of both is constant."""
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    of_x, of_y = (pl.Series(values).rank("average").to_numpy() for values in (x, y))
    return float(np.corrcoef(of_x, of_y)[0, 1])
