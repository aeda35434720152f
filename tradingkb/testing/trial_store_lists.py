"""The part of the `TrialStore` contract about what the stored trials look like."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.domain import METRICS
from tradingkb.ports import TrialOrder, TrialPlace, TrialQuery, TrialStore
from tradingkb.testing.stored import (
    ADA,
    NOON,
    OTHER_WORKSPACE,
    RUN_ID,
    WORKSPACE,
    run_record,
    trial_frame,
    window_frame,
    workspace,
)

#: By code points: digits, capitals, small letters, then what lies beyond ASCII.
STRATEGIES: Final = ("Zeta", "alpha", "ärger", "2fast")
SYMBOLS: Final = ("btc", "BTC", None, "ÄPFEL", "btc")
STATUSES: Final = ("candidate", "promoted", "rejected")
ORDERS: Final = (
    *("id", "known_at", "strategy_name", "symbol", "timeframe", "kb_status", "objective_score"),
    *("sharpe_oos", "sharpe_is", "n_trades_oos", "max_drawdown_frac_oos"),
)
SOME: Final[tuple[TrialQuery, ...]] = (
    TrialQuery(),
    TrialQuery({"strategy_name": "alpha"}),
    TrialQuery({"strategy_name": ["alpha", "Zeta"], "kb_status": "candidate"}),
    TrialQuery({"kb_status": "promoted"}),
    TrialQuery({"kb_status": ["promoted", "rejected"], "symbol": "btc"}),
    TrialQuery({"symbol": "btc"}, {"sharpe_oos": (0.0, None)}),
    TrialQuery({}, {"sharpe_oos": (-1.0, 0.5), "n_trades_oos": (2.5, 40.0)}),
    TrialQuery({}, {"known_at": (NOON, NOON + timedelta(days=1))}),
    TrialQuery({"timeframe": "1d", "strategy_name": "ärger"}, {"sharpe_is": (None, 1.0)}),
    TrialQuery({"strategy_name": "nobody"}),
)


def fill_shelf(kb: TrialStore, n: int = 40, workspace_id: str = WORKSPACE) -> pl.DataFrame:
    """Trials with ties and without values, of several strategies, windows and statuses."""
    windows = [
        {"window_key": f"x{i}", "symbol": symbol, "timeframe": ("1d", "1h", None)[i % 3]}
        for i, symbol in enumerate(SYMBOLS)
    ]
    kb.write_windows(workspace_id, window_frame(*windows))
    kb.write_param_sets(
        workspace_id,
        pl.DataFrame(
            {"strategy_name": STRATEGIES, "params_hash": STRATEGIES, "params": ['{"n":1}'] * 4}
        ),
    )
    known = kb.window_rows(workspace_id).sort("window_key")
    ids = known.filter(pl.col("window_key").str.starts_with("x"))["window_id"]
    sets = dict(kb.param_set_rows(workspace_id).select("strategy_name", "param_set_id").rows())
    rng = np.random.default_rng(7)

    def one(i: int) -> dict[str, Any]:
        strategy = STRATEGIES[int(rng.integers(len(STRATEGIES)))]
        few = [None, -1.0, 0.0, 0.5, 0.1 + 0.2, 2.0]
        return {
            "source_id": f"s{i}",
            "strategy_name": strategy,
            "strategy_version": (None, "1", "2")[i % 3],
            "param_set_id": sets[strategy],
            "window_id": ids[int(rng.integers(len(ids)))],
            "objective_score": few[int(rng.integers(6))],
            "sharpe_oos": few[int(rng.integers(6))],
            "sharpe_is": few[int(rng.integers(6))],
            "max_drawdown_frac_oos": float(rng.random()),
            "n_trades_oos": (None, 0, 2, 3, 40)[int(rng.integers(5))],
            "kb_status": STATUSES[int(rng.integers(8)) // 6 + int(rng.integers(4)) // 3],
            "known_at": NOON + timedelta(days=int(rng.integers(3))),
        }

    rows = trial_frame(kb, *map(one, range(n)), workspace_id=workspace_id)
    kb.write_trials(workspace_id, rows)
    return kb.trial_rows(workspace_id, {}, None)


def expected(rows: pl.DataFrame, query: TrialQuery, order: TrialOrder) -> list[int]:
    """What a list holds, by looking at every trial."""
    found = [row for row in rows.to_dicts() if _meant(row, query)]
    column = "trial_id" if order.column == "id" else order.column

    def place(row: Mapping[str, Any]) -> tuple[Any, int]:
        return row[column], row["trial_id"]

    known = [row for row in found if row[column] is not None]
    nothing = [row["trial_id"] for row in found if row[column] is None]
    ordered = sorted(known, key=place, reverse=order.descending)
    return [row["trial_id"] for row in ordered] + sorted(nothing, reverse=order.descending)


def walk(kb: TrialStore, query: TrialQuery, order: TrialOrder, limit: int) -> pl.DataFrame:
    """All pages of a list, one after the other."""
    pages, after = [], None
    while (page := kb.trial_page(WORKSPACE, query, order, limit, after)).height:
        assert page.height <= limit
        pages.append(page)
        last = page.row(page.height - 1, named=True)
        value = None if order.column == "id" else last[order.column]
        # As it comes back from a text: an integer may have become a float.
        value = float(value) if isinstance(value, int) else value
        after = TrialPlace(value, last["trial_id"])
    return pl.concat(pages) if pages else page


def _meant(row: Mapping[str, Any], query: TrialQuery) -> bool:
    for name, value in query.where.items():
        if row[name] not in (value if isinstance(value, list) else [value]):
            return False
    for name, (low, high) in query.ranges.items():
        value = row[name]
        if value is None or (low is not None and value < low):
            return False
        if high is not None and value > high:
            return False
    return True


class TrialReportContract:
    """Part of `TrialStoreContract`."""

    def test_pages_of_trials_in_any_order_are_the_whole_list_in_order_each_trial_once(
        self, kb: TrialStore
    ) -> None:
        rows = fill_shelf(kb)
        for order in (TrialOrder(column, down) for column in ORDERS for down in (True, False)):
            wanted = expected(rows, TrialQuery(), order)
            for limit in (7, 1000):
                found = walk(kb, TrialQuery(), order, limit)
                assert found["trial_id"].to_list() == wanted, (order, limit)
                assert found.sort("trial_id").equals(rows.sort("trial_id"))

    def test_pages_are_of_the_trials_that_were_asked_for_in_any_order(self, kb: TrialStore) -> None:
        """Up for one question, down for the next: a filter and a direction do not meet."""
        rows = fill_shelf(kb)
        for number, column in enumerate(ORDERS):
            for place, query in enumerate(SOME):
                order = TrialOrder(column, descending=(number + place) % 2 == 0)
                wanted = expected(rows, query, order)
                assert walk(kb, query, order, 6)["trial_id"].to_list() == wanted, (query, order)

    def test_counts_are_of_the_trials_that_were_asked_for(self, kb: TrialStore) -> None:
        rows = fill_shelf(kb)
        for query in SOME:
            n = len(expected(rows, query, TrialOrder("id")))
            assert kb.trial_count(WORKSPACE, query, 1000) == n, query
            assert kb.trial_count(WORKSPACE, query, 3) == min(n, 3), query

    def test_lists_and_counts_show_no_trial_of_another_workspace(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        fill_shelf(kb, 5, OTHER_WORKSPACE)
        for query in SOME:
            assert kb.trial_count(WORKSPACE, query, 10) == 0
            for column in ORDERS:
                assert kb.trial_page(WORKSPACE, query, TrialOrder(column), 9, None).is_empty()
        assert set(kb.window_dates(OTHER_WORKSPACE)["symbol"]) == set(SYMBOLS)
        assert set(kb.window_dates(WORKSPACE)["symbol"]) == {"BTC/USDT"}
        assert kb.trial_count(OTHER_WORKSPACE, TrialQuery(), 10) == 5

    def test_a_trial_that_comes_while_pages_are_read_moves_none_of_the_next_pages(
        self, kb: TrialStore
    ) -> None:
        fill_shelf(kb)
        order = TrialOrder("sharpe_oos")
        everything = kb.trial_page(WORKSPACE, TrialQuery(), order, 100, None)
        last = everything.row(9, named=True)
        some = {"source_id": "late", "strategy_name": "alpha", "sharpe_oos": 9.0}
        kb.write_trials(WORKSPACE, trial_frame(kb, some))
        after = TrialPlace(last["sharpe_oos"], last["trial_id"])
        rest = kb.trial_page(WORKSPACE, TrialQuery(), order, 100, after)
        assert rest.equals(everything[10:])

    def test_trials_count_as_evidence_by_time_version_and_status(self, kb: TrialStore) -> None:
        rows = fill_shelf(kb)
        until = NOON + timedelta(days=1)
        for name in STRATEGIES:
            known = rows.filter(
                pl.col("strategy_name") == name,
                pl.col("known_at") <= until,
                pl.col("kb_status") != "rejected",
            )
            for version in (None, "1", "2", "3"):
                mine = known.filter(
                    pl.col("strategy_version").fill_null("").is_in(["", version or ""])
                )
                columns = ("source_id", "sharpe_oos", "n_trades_oos")
                found = kb.counted_trials(WORKSPACE, name, columns, until, version)
                assert found.sort("source_id").equals(mine.select(columns).sort("source_id"))
            named = known.drop_nulls("strategy_version").sort("known_at", "strategy_version")
            newest = named["strategy_version"][-1]
            assert kb.newest_version(WORKSPACE, name, until) == newest
        assert kb.newest_version(WORKSPACE, "nobody", until) is None
        assert kb.newest_version(WORKSPACE, "alpha", NOON - timedelta(days=1)) is None

    def test_trials_of_a_withdrawn_run_count_as_no_evidence_and_stay_in_lists(
        self, kb: TrialStore
    ) -> None:
        kb.save_run(run_record())
        rows = fill_shelf(kb)
        kb.withdraw_run(WORKSPACE, RUN_ID, ADA, NOON)
        later = NOON + timedelta(days=9)
        assert kb.counted_trials(WORKSPACE, "alpha", ("id",), later, "1").is_empty()
        assert kb.newest_version(WORKSPACE, "alpha", later) is None
        assert kb.trial_count(WORKSPACE, TrialQuery(), 100) == rows.height

    def test_windows_are_told_with_their_dates_and_without_their_regimes(
        self, kb: TrialStore
    ) -> None:
        start = NOON - timedelta(days=9)
        told = {"symbol": "A", "timeframe": "1d", "oos_start": start, "oos_end": NOON}
        window = {"window_key": "x", **told, "regime_is": "{}"}
        kb.write_windows(WORKSPACE, window_frame(window))
        found = kb.window_dates(WORKSPACE)
        ids = kb.window_rows(WORKSPACE).filter(pl.col("window_key") == "x")["window_id"]
        (row,) = found.filter(pl.col("window_id") == ids[0]).to_dicts()
        assert row == {**told, "is_start": None, "is_end": None, "window_id": ids[0]}
        assert found.height == 2

    def test_any_metric_can_be_read_alone(self, kb: TrialStore) -> None:
        fill_shelf(kb)
        columns = [f"{metric}_{sample}" for metric in METRICS for sample in ("is", "oos")]
        found = kb.counted_trials(WORKSPACE, "alpha", columns, NOON + timedelta(days=9), "1")
        assert found.columns == columns
        assert found.height > 0
