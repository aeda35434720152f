"""A store and a vector index as dictionaries: what the modules of `indexing` name of their ports.

The adapters have the contract suites; these stand-ins are for rules that need neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from tradingkb.domain import (
    ELIGIBLE,
    METRICS,
    Actor,
    IndexTarget,
    Regime,
    RegimeScaler,
    Workspace,
    point_id,
    regime_to_json,
)
from tradingkb.exceptions import ConfigurationError, EmptyCollectionError
from tradingkb.indexing import Indexer
from tradingkb.ports import Floats32, HeldLease, Points, RunRecord, WindowDocument

SPACE = "space"
COLLECTION = "kb_regime_v1_v1"
NOW = datetime(2024, 1, 1, tzinfo=UTC)
TARGET = IndexTarget(Workspace(SPACE, "default", None, None, {}, NOW), "m", COLLECTION)
UNFINISHED = ""
REGIME = regime_to_json(Regime(features={"drift": 0.1}))
OTHER = regime_to_json(Regime(features={"drift": 0.2}))
_NUMBERS = dict.fromkeys((f"{m}_{s}" for m in METRICS for s in ("is", "oos")), pl.Float64)
_TRIAL = {
    "trial_id": pl.Int64,
    "source_type": pl.String,
    "source_id": pl.String,
    "strategy_name": pl.String,
    "row_hash": pl.String,
    "kb_status": pl.String,
    "window_id": pl.Int64,
    "withdrawn": pl.Boolean,
}
_ENTRY = {
    "trial_id": pl.Int64,
    "collection": pl.String,
    "point_id": pl.String,
    "content_hash": pl.String,
    "pipeline": pl.String,
    "archived_at": pl.Datetime("us", "UTC"),
    "reason": pl.String,
    "pending": pl.Boolean,
}
_INDEX_ROWS = ["trial_id", "point_id", "content_hash", "pipeline", "archived_at", "reason"]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def trial(number: int, **facts: Any) -> dict[str, Any]:
    """A stored trial on the window of its number, with a drawdown of 0.1 and ten trades."""
    known = {
        "sharpe_is": 1.0,
        "sharpe_oos": 0.5,
        "max_drawdown_frac_oos": 0.1,
        "n_trades_oos": 10.0,
    }
    plain = {
        "trial_id": number,
        "source_type": "import",
        "source_id": f"t{number}",
        "strategy_name": "s",
        "row_hash": f"row{number}",
        "kb_status": "candidate",
        "window_id": number,
        "withdrawn": False,
    }
    return {**plain, **dict.fromkeys(_NUMBERS), **known, **facts}


def window(number: int, regime: str | None = REGIME) -> dict[str, Any]:
    return {
        "window_id": number,
        "window_key": f"w{number}",
        "regime_is": regime,
        "regime_oos": None,
    }


class MemoryStore:
    """Trials, windows, index entries and runs of one workspace."""

    def __init__(self, trials: Sequence[dict[str, Any]], windows: Sequence[dict[str, Any]]) -> None:
        self.trials = {row["trial_id"]: dict(row) for row in trials}
        self.windows = [dict(row) for row in windows]
        self.entries: dict[tuple[int, str], dict[str, Any]] = {}
        self.runs_by_id: dict[str, RunRecord] = {}
        self.active: tuple[str | None, str | None] | None = None
        self.scale: RegimeScaler | None = None
        self.asked: list[int] = []
        self.notes: list[tuple[list[int], str | None]] = []
        self.before_write: Callable[[], None] = lambda: None

    @contextmanager
    def writing(self) -> Iterator[None]:
        yield

    # what is true
    def scaler(self, workspace_id: str) -> RegimeScaler | None:
        return self.scale

    def identities(self, workspace_id: str, among: pl.DataFrame | None = None) -> pl.DataFrame:
        frame = pl.DataFrame(list(self.trials.values()), schema={**_TRIAL, **_NUMBERS})
        return frame.select(list(_TRIAL))

    def window_rows(self, workspace_id: str, among: pl.Series | None = None) -> pl.DataFrame:
        texts = ("window_key", "symbol", "timeframe", "regime_is", "regime_oos")
        times = dict.fromkeys(("is_start", "oos_start"), pl.Datetime("us", "UTC"))
        kinds = {"window_id": pl.Int64, **dict.fromkeys(texts, pl.String), **times}
        return pl.DataFrame(self.windows, schema=kinds)

    def documents(self, workspace_id: str, trial_ids: pl.Series) -> pl.DataFrame:
        self.asked.append(len(trial_ids))
        rows = [self.trials[n] for n in sorted(trial_ids)]
        frame = pl.DataFrame(rows, schema={**_TRIAL, **_NUMBERS})
        return frame.join(self.window_rows(workspace_id), on="window_id", maintain_order="left")

    def trial_ids(self, workspace_id: str, identities: pl.DataFrame) -> pl.DataFrame:
        names = ["source_type", "source_id"]
        known = self.identities(workspace_id).select(*names, "trial_id")
        return known.join(identities.select(names), on=names, how="semi")

    # what is derived
    def index_rows(
        self, workspace_id: str, collection: str, trial_ids: pl.Series | None = None
    ) -> pl.DataFrame:
        frame = self._entries(collection)
        if trial_ids is not None:
            frame = frame.filter(pl.col("trial_id").is_in(trial_ids.implode()))
        return frame.select(_INDEX_ROWS)

    def _entries(self, collection: str | None = None) -> pl.DataFrame:
        rows = [e for (_, name), e in sorted(self.entries.items()) if collection in (None, name)]
        return pl.DataFrame(rows, schema=_ENTRY)

    def index_collections(self, workspace_id: str) -> list[str]:
        return sorted({name for _, name in self.entries})

    def index_places(self) -> set[tuple[str, str]]:
        return {(SPACE, name) for _, name in self.entries}

    def populated(self) -> set[str]:
        return {SPACE} if self.trials else set()

    def count_indexed(self, collection: str) -> int:
        there = pl.col("archived_at").is_null() & pl.col("reason").is_null()
        there &= pl.col("content_hash") != UNFINISHED
        return self._entries(collection).filter(there).height

    def unfinished(
        self, workspace_id: str, collection: str, pipeline: str, *, note: bool = True
    ) -> pl.DataFrame:
        entries = self._entries(collection)
        archived = pl.col("archived_at").is_not_null()
        same = (pl.col("content_hash") != UNFINISHED) & (pl.col("pipeline") == pipeline)
        eligible = pl.col("kb_status").is_in(list(ELIGIBLE)) & ~pl.col("withdrawn")
        trials = self.identities(workspace_id).filter(eligible)
        left = trials.join(entries.filter(archived | same), on="trial_id", how="anti")
        return left.select("trial_id", "source_type", "source_id", "strategy_name")

    def write_index(
        self, workspace_id: str, rows: pl.DataFrame, at: datetime, since: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        self.before_write()
        out = [row for row in rows.to_dicts() if not self._eligible(row["trial_id"])]
        for row in rows.to_dicts():
            gone = row in out
            entry = {name: row.get(name) for name in _ENTRY if name != "pending"}
            entry = {**entry, "pending": gone, "archived_at": at if gone else None}
            self.entries[row["trial_id"], row["collection"]] = entry
        return pl.DataFrame(out, schema=rows.schema).select("trial_id", "collection", "point_id")

    def _eligible(self, number: int) -> bool:
        known = self.trials[number]
        return known["kb_status"] in ELIGIBLE and not known["withdrawn"]

    def mark_unfinished(self, workspace_id: str, trial_ids: pl.Series, collection: str) -> None:
        for number in trial_ids:
            entry = self.entries.get((number, collection))
            if entry is not None and entry["archived_at"] is None:
                entry["content_hash"] = UNFINISHED

    def forget_index(self, workspace_id: str, collection: str) -> None:
        self.mark_unfinished(workspace_id, pl.Series(list(self.trials)), collection)

    def archive(self, workspace_id: str, trial_ids: pl.Series, actor: Actor, at: datetime) -> None:
        for (number, _), entry in self.entries.items():
            if number in trial_ids.to_list():
                entry.update(archived_at=at, reason=actor.reason, pending=True)

    def pending_deletes(self, workspace_id: str) -> pl.DataFrame:
        names = ["trial_id", "collection", "point_id", "reason"]
        return self._entries().filter("pending").select(names)

    def note_deletes(self, entries: pl.DataFrame, error: str | None) -> None:
        self.notes.append((entries["trial_id"].to_list(), error))
        for number, name in entries.select("trial_id", "collection").rows():
            if (number, name) in self.entries:
                self.entries[number, name]["pending"] = error is not None

    # records
    def set_active(self, workspace_id: str, model: str | None, collection: str | None) -> None:
        self.active = (model, collection)

    def save_run(self, run: RunRecord) -> None:
        self.runs_by_id[run.run_id] = run

    def runs(self, workspace_id: str, limit: int | None) -> pl.DataFrame:
        names = ("run_id", "kind", "collection", "status", "source", "started_at")
        rows = [{name: getattr(run, name) for name in names} for run in self.runs_by_id.values()]
        kinds = {**dict.fromkeys(names, pl.String), "started_at": pl.Datetime("us", "UTC")}
        return pl.DataFrame(rows, schema=kinds).reverse()

    def close_runs(self, workspace_id: str, at: datetime) -> None:
        for run in self.runs_by_id.values():
            if run.status == "running":
                self.save_run(run.ended("interrupted", at, {}))

    def acquire_lease(self, name: str, holder: str, at: datetime, expires_at: datetime) -> None:
        return None

    def renew_lease(self, name: str, holder: str, expires_at: datetime) -> bool:
        return True

    def break_lease(self, name: str, holder: str, expires_at: datetime | None = None) -> bool:
        return True

    def leases(self) -> list[HeldLease]:
        return []


class MemoryIndex:
    """Points by collection and id. `fails` is raised by the next deletions while it is set."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, dict[str, Any]]] = {}
        self.dimensions: dict[str, int] = {}
        self.aliases: dict[str, str] = {}
        self.calls: list[tuple[str, int]] = []
        self.fails: Exception | None = None

    def ensure_collection(self, name: str, dimension: int) -> None:
        if self.dimensions.setdefault(name, dimension) != dimension:
            raise ConfigurationError(f"{name} has another dimension")
        self.held.setdefault(name, {})

    def drop(self, name: str) -> None:
        del self.held[name], self.dimensions[name]

    def collections(self) -> list[str]:
        return sorted(self.held)

    def dimension(self, name: str) -> int | None:
        return self.dimensions.get(name)

    def alias(self, alias: str) -> str | None:
        return self.aliases.get(alias)

    def set_alias(self, alias: str, name: str) -> None:
        self.calls.append(("alias", 1))
        self.aliases[alias] = name

    def upsert(self, name: str, points: Points) -> None:
        self.calls.append(("upsert", len(points.ids)))
        rows = points.payload.to_dicts()
        self.held[name].update(zip(points.ids, rows, strict=True))

    def delete(self, name: str, ids: Sequence[str]) -> None:
        self.calls.append(("delete", len(ids)))
        if self.fails is not None:
            raise self.fails
        for point in ids:
            self._of(name).pop(point, None)

    def count(self, name: str) -> int:
        return len(self._of(name))

    def points(self, name: str, workspace_id: str) -> pl.DataFrame:
        self.calls.append(("points", 1))
        kinds = {"has_oos": pl.Boolean, "max_drawdown": pl.Float64, "n_trades": pl.Float64}
        texts = dict.fromkeys(
            ("point_id", "workspace_id", "strategy_name", "window_key"), pl.String
        )
        rows = [{"point_id": i, **row} for i, row in self._of(name).items()]
        return pl.DataFrame(rows, schema={**texts, **kinds, "overfit_gap": pl.Float64})

    def _of(self, name: str) -> dict[str, dict[str, Any]]:
        if name not in self.held:
            raise EmptyCollectionError(name)
        return self.held[name]


class Sides:
    """An embedder of two dimensions: one for each side of a window whose regime is known."""

    model, dimension, pipeline = "m", 2, "m/1"

    def __init__(self, batch: int | None = None) -> None:
        self.batch = batch
        self.calls: list[int] = []
        self.before_call: Callable[[int], None] = lambda number: None

    @property
    def embedded(self) -> int:
        """Windows in all."""
        return sum(self.calls)

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        self.before_call(len(self.calls) + 1)
        self.calls.append(len(documents))
        known = [(d.before is not None, d.during is not None) for d in documents]
        return np.array(known, dtype=np.float32).reshape(len(documents), 2)


class House:
    """An indexer over the stand-ins, with a clock that is set by hand and ids that are counted."""

    def __init__(self, *trials: dict[str, Any], windows: Sequence[dict[str, Any]] = ()) -> None:
        numbers = sorted({row["window_id"] for row in trials})
        self.store: Any = MemoryStore(trials, windows or [window(n) for n in numbers])
        self.index: Any = MemoryIndex()
        self.embedder: Any = Sides()
        self.clock = Clock()
        self.ids = 0
        self.indexer = Indexer(
            self.store,
            self.index,
            lambda model, scaler: self.embedder,
            clock=self.clock,
            new_id=self._new_id,
        )

    def _new_id(self) -> str:
        self.ids += 1
        return f"id{self.ids}"

    def reindex(self, *numbers: int, collection: str = COLLECTION) -> dict[str, int]:
        target = replace(TARGET, collection=collection)
        return dict(self.indexer.reindex(target, pl.Series(numbers, dtype=pl.Int64)))

    def held(self, collection: str = COLLECTION) -> set[int]:
        """Numbers of the trials whose points are there."""
        names = {point_id(SPACE, "import", f"t{n}"): n for n in self.store.trials}
        return {names[i] for i in self.index.held.get(collection, {})}


def point_of(number: int) -> str:
    return point_id(SPACE, "import", f"t{number}")
