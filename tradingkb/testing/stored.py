"""Rows for the contract of `TrialStore`: small, complete, and changed by what a test states."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from tradingkb.domain import METRICS, Actor, Workspace
from tradingkb.ports import Calibration, RunRecord, TrialStore

WORKSPACE: Final = "7d9f4a52-0000-4000-8000-000000000001"
OTHER_WORKSPACE: Final = "7d9f4a52-0000-4000-8000-000000000002"
STRATEGY: Final = "sma_cross"
COLLECTION: Final = "kb"
NOON: Final = datetime(2024, 3, 31, 12, 0, 0, 123456, tzinfo=UTC)
RUN_ID: Final = "7d9f4a52-0000-4000-8000-00000000000a"
ADA: Final = Actor("ada", "lead", "look-ahead")

UTC_TIME: Final = pl.Datetime("us", "UTC")
_WINDOW_SCHEMA: Final[dict[str, Any]] = {
    "window_key": pl.String,
    "symbol": pl.String,
    "timeframe": pl.String,
    "is_start": UTC_TIME,
    "is_end": UTC_TIME,
    "oos_start": UTC_TIME,
    "oos_end": UTC_TIME,
    "regime_is": pl.String,
    "regime_oos": pl.String,
}
_TRIAL_SCHEMA: Final[dict[str, Any]] = {
    "source_type": pl.String,
    "source_id": pl.String,
    "experiment_type": pl.String,
    "strategy_name": pl.String,
    "strategy_version": pl.String,
    "param_set_id": pl.Int64,
    "window_id": pl.Int64,
    "objective_type": pl.String,
    "objective_score": pl.Float64,
    "objective_sample": pl.String,
    **{
        f"{metric}_{sample}": pl.Int64 if metric == "n_trades" else pl.Float64
        for metric in METRICS
        for sample in ("is", "oos")
    },
    "engine": pl.String,
    "cost_bps": pl.Float64,
    "kb_status": pl.String,
    "promoted_at": UTC_TIME,
    "known_at": UTC_TIME,
    "created_at": UTC_TIME,
    "ingested_at": UTC_TIME,
    "run_id": pl.String,
    "row_hash": pl.String,
}
_INDEX_SCHEMA: Final[dict[str, Any]] = {
    "trial_id": pl.Int64,
    "strategy_name": pl.String,
    "point_id": pl.String,
    "collection": pl.String,
    "embed_model": pl.String,
    "pipeline": pl.String,
    "regime_schema_version": pl.Int64,
    "content_hash": pl.String,
    "archived_at": UTC_TIME,
    "reason": pl.String,
    "row_hash": pl.String,
    "kb_status": pl.String,
}
_OUTCOME_SCHEMA: Final[dict[str, Any]] = {
    "strategy_name": pl.String,
    "window_key": pl.String,
    "fingerprint": pl.String,
    "as_of": UTC_TIME,
    "known_at": UTC_TIME,
    "quarter": pl.Int64,
    "won": pl.Float64,
}


def workspace(slug: str = "desk", id_: str = WORKSPACE) -> Workspace:
    """A workspace with a nested configuration."""
    return Workspace(id_, slug, "regime-v1", None, {"chunking": {"embed_model": "m"}}, NOON)


def window_frame(*rows: dict[str, Any]) -> pl.DataFrame:
    """Windows; what a row does not say is null, but the key."""
    return pl.DataFrame([{"window_key": "w1", **row} for row in rows], schema=_WINDOW_SCHEMA)


def fill(store: TrialStore, strategy: str = STRATEGY, workspace_id: str = WORKSPACE) -> None:
    """One window and one parameter set of a strategy."""
    store.write_windows(workspace_id, window_frame({"symbol": "BTC/USDT"}))
    store.write_param_sets(
        workspace_id,
        pl.DataFrame(
            {"strategy_name": [strategy], "params_hash": ["h1"], "params": ['{"fast":10}']}
        ),
    )


def trial_frame(
    store: TrialStore, *rows: dict[str, Any], workspace_id: str = WORKSPACE
) -> pl.DataFrame:
    """Trials of the stored window and parameter set, with the changes that each row states."""
    window = store.window_rows(workspace_id)["window_id"][0]
    param_set = store.param_set_rows(workspace_id, None)["param_set_id"][0]
    base = {
        "source_type": "import",
        "source_id": "t1",
        "experiment_type": "tune",
        "strategy_name": STRATEGY,
        "param_set_id": param_set,
        "window_id": window,
        "objective_type": "sharpe",
        "sharpe_oos": 1.25,
        "n_trades_oos": 40,
        "kb_status": "candidate",
        "known_at": NOON,
        "created_at": NOON,
        "ingested_at": NOON,
        "run_id": RUN_ID,
        "row_hash": "hash",
    }
    return pl.DataFrame([{**base, **row} for row in rows], schema=_TRIAL_SCHEMA)


def index_frame(trial_id: int, **changes: Any) -> pl.DataFrame:
    """One index row."""
    row = {
        "trial_id": trial_id,
        "strategy_name": STRATEGY,
        "point_id": str(uuid.UUID(int=trial_id)),
        "collection": "kb",
        "embed_model": "m",
        "pipeline": "p",
        "content_hash": "c1",
        "row_hash": "hash",
        "kb_status": "candidate",
        **changes,
    }
    return pl.DataFrame([row], schema=_INDEX_SCHEMA)


def run_record(run_id: str = RUN_ID, **changes: Any) -> RunRecord:
    """One run of an ingest."""
    base: dict[str, Any] = {"workspace_id": WORKSPACE, "started_at": NOON, "source": "x"}
    return RunRecord(run_id, **{**base, **changes})


def rejection(name: str, **changes: Any) -> dict[str, Any]:
    """What an event says of one strict filter."""
    return {"filter": name, "value": 5, "fails": 0, "fails_only": 0, "unknown": 0, **changes}


def event(**changes: Any) -> dict[str, Any]:
    """One recommend event."""
    return {
        "request_id": str(uuid.uuid4()),
        "at": NOON,
        "workspace_id": WORKSPACE,
        "strategy_name": STRATEGY,
        "objective_type": "sharpe",
        "status": "ok",
        "confidence": 0.61,
        "confidence_band": "medium",
        "reasons": [],
        "warnings": ["w"],
        "after_strict": 12,
        "after_relaxed": 30,
        "windows_used": 5,
        "strict_to_relaxed": False,
        "metadata_only": False,
        "repaired_params": [],
        "filter_rejections": [rejection("min_trades", fails=3, fails_only=1)],
        "relaxations": [],
        "regime_tags": ["trend_up"],
        "params": {"fast": 10},
        "embed_model": "m",
        "collection": "kb",
        "timings": {"total_ms": 8.5},
        "weights": {},
        "source": "python",
        "replica": "host",
        "symbol": "AAPL",
        "timeframe": "1d",
        "as_of": NOON,
        "strategy_version": "1",
        "market_kind": "stated",
        "regime": {"tags": ["uptrend"], "features": {"volatility_annual": 0.1 + 0.2}},
        "filters": {"max_drawdown": 0.25, "max_overfit_gap": None},
        "question": {"overrides": {"min_trades": 5}, "own_trades": None},
        "params_tested": True,
        "expected": 0.1 + 0.2,
        "expected_low": -0.5,
        "expected_high": None,
        "expected_unit": "annualised",
        "baseline_expected": 0.25,
        "defaults_expected": None,
        "schema_version": 1,
        **changes,
    }


def outcome_rows(*rows: dict[str, Any]) -> pl.DataFrame:
    """Outcomes of decisions, with the changes that each row states."""
    base = {
        "strategy_name": STRATEGY,
        "window_key": "w1",
        "fingerprint": "f" * 64,
        "as_of": NOON,
        "known_at": NOON,
        "quarter": 8096,
        "won": 1.0,
    }
    return pl.DataFrame([{**base, **row} for row in rows], schema=_OUTCOME_SCHEMA)


def calibration(**changes: Any) -> Calibration:
    """One fitted confidence."""
    base: dict[str, Any] = {
        "objective_type": "sharpe",
        "fitted_at": NOON,
        "known_until": NOON,
        "fingerprint": "f" * 64,
        "n_outcomes": 120,
        "strategies": [{"name": STRATEGY, "windows": 60}],
        "model": {"version": 1},
    }
    return Calibration(**{**base, **changes})


def partition_rows(
    store: TrialStore,
    strategy: str = STRATEGY,
    collection: str = COLLECTION,
    workspace_id: str = WORKSPACE,
) -> pl.DataFrame:
    """The trials of one strategy."""
    return store.partition(workspace_id, strategy, collection).trials
