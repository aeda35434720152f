"""What was changed, as short sentences."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tradingkb.monitoring.changes import sentence, with_sentences

INGEST = {"run_id": "r", "status": "completed", "source": "a.csv", "counts": {"inserted": 1200}}
START = {"replica": "one", "version": "2", "version_before": "2", "changed": []}


@pytest.mark.parametrize(
    ("kind", "facts", "said"),
    [
        ("ingest", INGEST, "ingest of a.csv: 1,200 inserted"),
        (
            "ingest",
            {**INGEST, "status": "failed", "counts": {"skipped": 5}},
            "ingest of a.csv (failed): nothing new",
        ),
        ("reembed", {"status": "completed", "collection": "kb2"}, "re-embedded into kb2"),
        ("withdrawal", {"run_id": "r", "reason": "a bug"}, "run r withdrawn: a bug"),
        ("strategy", {"strategy_name": "s", "version": "2"}, "spec of s 2 registered"),
        ("status", {"to_status": "promoted", "trials": 1, "reason": None}, "1 trial promoted"),
        (
            "status",
            {"to_status": "candidate", "trials": 2000, "reason": "it did not"},
            "2,000 trials made candidates again: it did not",
        ),
        (
            "activate",
            {"collection": "b", "embed_model": "m", "previous_collection": "a"},
            "searches b by m, before a",
        ),
        (
            "activate",
            {
                "collection": "b",
                "embed_model": "m",
                "previous_collection": "a",
                "quality": {"loss": 0.614, "low": 0.4, "high": 0.8},
            },
            "searches b by m, before a; neighbours lose 0.61",
        ),
        (
            "calibrate",
            {"objective_type": "sharpe", "n_outcomes": 1200, "base_rate": 0.5512},
            "confidence of sharpe calibrated on 1,200 outcomes: 55.1 % beat the defaults",
        ),
        (
            "calibrate",
            {"objective_type": "sharpe", "n_outcomes": 3, "base_rate": None},
            "confidence of sharpe calibrated on 3 outcomes: uncalibrated",
        ),
        ("backup", {"trials": 1000, "size_bytes": 2_500_000}, "backup of 1,000 trials (2.5 MB)"),
        (
            "restore",
            {"made_at": "2026-01-02T03:04:05.000000Z", "trials": 9},
            "restored a backup of 2026-01-02 03:04 UTC with 9 trials",
        ),
        ("restore", {"made_at": None, "trials": 9}, "restored a backup with 9 trials"),
        (
            "prune",
            {"events": 1000, "runs": 2, "jobs": 3},
            "1,000 events, 2 runs and 3 jobs deleted",
        ),
        ("start", START, "one started with release 2 (same settings)"),
        ("start", {**START, "version_before": None}, "one started with release 2 (first start)"),
        (
            "start",
            {**START, "version_before": "1", "changed": [{"setting": "A"}, {"setting": "B"}]},
            "one started with release 2 (1 before, changed: A, B)",
        ),
        ("prune", {"of a later release": 1}, "prune"),
        ("calibrate", {"objective_type": "x", "n_outcomes": None, "base_rate": 1}, "calibrate"),
        ("vacuum", {}, "vacuum"),
    ],
)
def test_each_kind_of_change_has_a_sentence(kind: str, facts: dict[str, Any], said: str) -> None:
    assert sentence(kind, facts) == said


def test_facts_show_neither_folders_nor_what_is_kept_to_be_compared() -> None:
    rows = pl.DataFrame(
        {
            "at": [datetime(2026, 1, 1, tzinfo=UTC)] * 3,
            "kind": ["ingest", "ingest", "start"],
            "actor": ["", "", "ada"],
            "facts": [
                json.dumps({**INGEST, "source": "/home/ada/secret/a.csv"}),
                json.dumps({**INGEST, "source": "C:\\ada\\b.csv"}),
                json.dumps({**START, "settings": {"A": 1}}),
            ],
        }
    )
    found = with_sentences(rows)
    assert found.columns == ["at", "kind", "what", "actor", "facts"]
    assert [json.loads(text) for text in found["facts"]] == [
        INGEST,
        {**INGEST, "source": "b.csv"},
        START,
    ]
    assert found["what"][0] == "ingest of a.csv: 1,200 inserted"
    assert with_sentences(rows.clear()).schema == found.schema
