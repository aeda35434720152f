"""Trials as a list of dicts: what JSON requests and notebooks give."""

from __future__ import annotations

import pytest

import tradingkb as tkb
from tradingkb.exceptions import InvalidTrialError

ROW = {
    "source_id": "1",
    "strategy_name": "s",
    "symbol": "X",
    "timeframe": "1d",
    "params": {"fast": 10, "kind": "ema"},
    "oos_start": "2020-01-01",
    "oos_end": "2020-04-01",
    "sharpe_oos": 1.5,
    "n_trades_oos": 12,
}


def test_rows_go_in_like_a_frame_of_them(open_kb):
    kb = open_kb()
    report = kb.ingest([ROW, {**ROW, "source_id": "2", "params": {"fast": 20, "kind": 3}}])
    assert report.counts() == {
        "inserted": 2,
        "updated": 0,
        "skipped": 0,
        "unarchived": 0,
        "error": 0,
    }
    stored = dict(kb.trials().select("source_id", "params").rows())
    assert stored == {"1": '{"fast":10,"kind":"ema"}', "2": '{"fast":20,"kind":3}'}


def test_a_bad_row_is_named_and_the_others_go_in(open_kb):
    kb = open_kb()
    report = kb.ingest([ROW, {**ROW, "source_id": "2", "sharpe_oos": "high"}])
    assert (report.inserted, report.error) == (1, 1)
    assert report.rejects.select("row", "field").rows() == [(2, "sharpe_oos")]


def test_what_a_row_leaves_out_is_null_in_it(open_kb):
    kb = open_kb()
    kb.ingest([ROW, {k: v for k, v in ROW.items() if k != "symbol"} | {"source_id": "2"}])
    assert dict(kb.trials().select("source_id", "symbol").rows()) == {"1": "X", "2": None}


@pytest.mark.parametrize("rows", [[{}], [{"nothing": 1}], [ROW, 3], {"a": 1}])
def test_what_holds_no_trial_is_refused(open_kb, rows):
    with pytest.raises(InvalidTrialError):
        open_kb().ingest(rows, dry_run=True)


def test_rows_and_trial_objects_are_not_mixed(open_kb):
    with pytest.raises(InvalidTrialError, match="list of dicts"):
        open_kb().ingest([ROW, tkb.Trial("s", {"fast": 1}, source_id="9")], dry_run=True)
