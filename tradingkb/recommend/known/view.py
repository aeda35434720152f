"""All trials of one strategy as arrays, in an order that does not depend on how they came in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.derived import FILTER_COLUMNS, stored_score
from tradingkb.domain import (
    ELIGIBLE,
    STATUSES,
    Objective,
    ParamValue,
    RegimeScaler,
    StrategySpec,
    parse_params,
    score,
    stayed_out,
)
from tradingkb.memo import Memos
from tradingkb.ports import Partition
from tradingkb.ranking import NEVER, Orders, make_orders
from tradingkb.recommend.known.windows import Windows, make_windows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: Indices into `STATUSES`.
Statuses = NDArray[np.int8]

STATUS: Final = pl.Enum(STATUSES)
STATUS_CODE: Final = {status: code for code, status in enumerate(STATUSES)}
_ELIGIBLE: Final = np.array([s in ELIGIBLE for s in STATUSES])
#: Times, objectives and specs that are asked in turn: what follows from each is kept with a view.
_KEPT: Final = 4


@dataclass(frozen=True)
class Scores:
    """An objective per trial out-of-sample and in-sample, NaN where unknown; shapes (n,)."""

    oos: Floats
    inside: Floats

    @cached_property
    def known(self) -> Bools:
        """Whether either sample has a score."""
        return np.asarray(np.isfinite(self.oos) | np.isfinite(self.inside))


@dataclass(frozen=True)
class View:
    """One strategy's trials, sorted by (source_type, source_id), and what was stored with them.

    It stands until something changes about the strategy, so whatever follows from it alone is kept.

    Attributes:
        partition: what it was made from.
        frame: the trials, one row each, with the filter columns.
        window, pset: shape (n,), indices into `windows` and `psets`.
        windows: the distinct windows.
        psets: the distinct parameter sets, sorted by their canonical text.
        pset_texts: their canonical texts.
        specs: the strategy's specs, the one registered last at the end.
        read_scaler: reads the newest scaler of the embeddings.
        read_history: reads `status_history` of the strategy.
    """

    partition: Partition
    frame: pl.DataFrame
    window: Ints
    pset: Ints
    windows: Windows
    psets: list[dict[str, ParamValue]]
    pset_texts: list[str]
    specs: list[StrategySpec]
    read_scaler: Callable[[], RegimeScaler | None]
    read_history: Callable[[], pl.DataFrame]

    def __len__(self) -> int:
        return self.frame.height

    def floats(self, name: str) -> Floats:
        """A numeric column as floats, NaN where unknown, shape (n,)."""
        return self.frame[name].cast(pl.Float64).to_numpy()

    def micros(self, name: str) -> Ints:
        """A time column as microseconds since 1970 UTC; `NEVER` where unknown."""
        micros = self.frame[name].cast(pl.Int64)  # casts cost nothing, any other call a plan
        return (micros.fill_null(NEVER) if micros.null_count() else micros).to_numpy()

    @cached_property
    def tried(self) -> Ints | None:
        """What was tried, numbered by window and parameters, (n,); None where each trial differs.

        The same experiment under several ids is one observation.
        """
        pairs = self.window * max(len(self.psets), 1) + self.pset
        distinct, place = np.unique(pairs, return_inverse=True)
        return None if len(distinct) == len(pairs) else place

    @cached_property
    def scaler(self) -> RegimeScaler | None:
        """The newest scaler of the embeddings; a new one moves every generation."""
        return self.read_scaler()

    @cached_property
    def history(self) -> pl.DataFrame:
        """Changes of status: trial_id, from_status, to_status, at, ordered by time."""
        return self.read_history()

    @cached_property
    def kept(self) -> Memos:
        """What follows from these trials, by kind, whoever computes it."""
        return Memos(_KEPT)

    @cached_property
    def known_at(self) -> Ints:
        """When each result became knowable, microseconds."""
        return self.micros("known_at")

    def archived(self, as_of_micros: int | None) -> Bools:
        """Whether a trial is archived, or was by then: rejecting archives, too; shape (n,)."""
        at = self._archived_at
        marked = at != NEVER
        return marked if as_of_micros is None else np.asarray(marked & (at <= as_of_micros))

    @cached_property
    def _archived_at(self) -> Ints:
        return self.micros("archived_at")

    @cached_property
    def _by_pset(self) -> tuple[Ints, Ints]:
        return _grouped(self.pset, len(self.psets))

    def of_pset(self, pset: int) -> Ints:
        """The trials of one parameter set."""
        order, starts = self._by_pset
        return order[starts[pset] : starts[pset + 1]]

    @cached_property
    def _by_window(self) -> tuple[Ints, Ints]:
        return _grouped(self.window, len(self.windows))

    def of_windows(self, windows: Bools) -> Ints:
        """The trials of some windows, shape (w,), in their order."""
        order, starts = self._by_window
        parts = [order[starts[w] : starts[w + 1]] for w in np.flatnonzero(windows).tolist()]
        return np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)

    def orders(self, objective: Objective) -> Orders:
        """The trials in order of their out-of-sample utility."""
        return self.kept.get(
            "orders",
            objective.name,
            lambda: make_orders(
                self.window, self.pset, objective.sign * self.scores(objective).oos
            ),
        )

    @cached_property
    def by_trades(self) -> Ints:
        """The trials in order of their window and their in-sample trades."""
        return np.lexsort((self.floats("n_trades_is"), self.window))

    @cached_property
    def promoted_at(self) -> Ints:
        """When each trial was promoted, microseconds."""
        return self.micros("promoted_at")

    @cached_property
    def created_at(self) -> Ints:
        """When each trial was made, microseconds."""
        return self.micros("created_at")

    @cached_property
    def statuses(self) -> Statuses:
        """Statuses as they are now."""
        return self.frame["kb_status"].cast(STATUS).to_physical().cast(pl.Int8).to_numpy()

    @cached_property
    def versions(self) -> tuple[Ints, list[str]]:
        """The place of each trial's strategy version in the sorted list; -1 where none is named."""
        column = self.frame["strategy_version"]
        names = column.drop_nulls().unique().sort().to_list()
        codes = column.cast(pl.Enum(names)).to_physical().cast(pl.Int64).fill_null(-1)
        return codes.to_numpy(), names

    @cached_property
    def filter_columns(self) -> tuple[Any, ...]:
        """What every filter compares: has_oos, max_drawdown, n_trades, overfit_gap."""
        numbers = (self.floats(name) for name in ("max_drawdown", "n_trades", "overfit_gap"))
        return (self.frame["has_oos"].to_numpy(), *numbers)

    @cached_property
    def identity_order(self) -> Ints:
        """Each trial's place by source_id, then source_type."""
        # The separator sorts before any character, so that a prefix comes first.
        text = self.frame.select(
            pl.concat_str("source_id", "source_type", separator="\x00").alias("text")
        )
        order = text["text"].arg_sort().to_numpy()
        places = np.empty(len(self), dtype=np.int64)
        places[order] = np.arange(len(self))
        return places

    @cached_property
    def pset_index(self) -> dict[str, int]:
        """Canonical text to index of the parameter set."""
        return {text: i for i, text in enumerate(self.pset_texts)}

    def obeying(self, spec: StrategySpec | None) -> Bools:
        """Which parameter sets obey the spec, shape (p,); all do when there is none."""
        if spec is None:
            return np.ones(len(self.psets), dtype=bool)
        return self.kept.get(
            "obeying",
            spec.version,
            lambda: np.array([not spec.problems(pset) for pset in self.psets], dtype=bool),
        )

    def scores(self, objective: Objective) -> Scores:
        """The objective per trial, NaN where it cannot be computed."""
        return self.kept.get(
            "scores",
            objective.name,
            lambda: Scores(self._score(objective, "oos"), self._score(objective, "is")),
        )

    def stayed_out(self, sample: str) -> Bools:
        """Which trials are known to have made no trade in a sample, "is" or "oos"; shape (n,)."""
        return self.kept.get("stayed_out", sample, lambda: stayed_out(_Metrics(self, sample)))

    def _score(self, objective: Objective, sample: str) -> Floats:
        return score(objective, _Metrics(self, sample), self._stored(objective, sample))

    def _stored(self, objective: Objective, sample: str) -> Floats:
        ended = self.windows.frame["oos_end"].is_not_null().to_numpy()[self.window]
        return stored_score(objective, self.frame, sample, ended, _Metrics(self, "is"))


class _Metrics(dict[str, Floats]):
    """Metric columns of one sample; read when a formula asks for them."""

    def __init__(self, view: View, sample: str) -> None:
        self._view = view
        self._sample = sample

    def __missing__(self, name: str) -> Floats:
        if name == "years":
            return self._view.windows.years[self._sample][self._view.window]
        return self._view.floats(f"{name}_{self._sample}")


def _grouped(codes: Ints, n: int) -> tuple[Ints, Ints]:
    """Rows in order of their code, and where each of n codes starts, shape (n + 1,)."""
    order = np.argsort(codes, kind="stable")
    return order, np.append(0, np.cumsum(np.bincount(codes, minlength=n)))


def eligible(statuses: Statuses) -> Bools:
    """Which trials may be recommended, shape as given."""
    return np.asarray(_ELIGIBLE[statuses])


def make_view(
    partition: Partition,
    windows: pl.DataFrame,
    sets: pl.DataFrame,
    specs: list[StrategySpec],
    read_scaler: Callable[[], RegimeScaler | None],
    read_history: Callable[[], pl.DataFrame],
) -> View:
    """Builds the view.

    Args:
        partition: the trials as the store gives them.
        windows: `window_rows` of the workspace, at least those of the trials.
        sets: `param_set_rows` of the strategy.
        specs: of the strategy.
        read_scaler: reads the scaler of the workspace.
        read_history: reads `status_history` of the strategy.
    """
    frame = partition.trials.sort("source_type", "source_id").with_columns(FILTER_COLUMNS)
    used_windows, window = _indexed(windows, "window_id", "window_key", frame)
    used_sets, pset = _indexed(sets, "param_set_id", "params", frame)
    texts = used_sets["params"].to_list()
    return View(
        partition=partition,
        frame=frame,
        window=window,
        pset=pset,
        windows=make_windows(used_windows),
        psets=[parse_params(text) for text in texts],
        pset_texts=texts,
        specs=specs,
        read_scaler=read_scaler,
        read_history=read_history,
    )


def _indexed(
    rows: pl.DataFrame, key: str, order: str, trials: pl.DataFrame
) -> tuple[pl.DataFrame, Ints]:
    """The rows that trials refer to by `key`, in that order, and each trial's index into them."""
    used = rows.filter(np.isin(rows[key].to_numpy(), trials[key].to_numpy())).sort(order)
    ids = used[key].to_numpy()
    by_id = np.argsort(ids)
    places = by_id[np.searchsorted(ids[by_id], trials[key].to_numpy())]
    return used, places.astype(np.int64)
