"""Tables over replayed decisions."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tradingkb.evaluate.comparison import (
    CLUSTERS,
    REFERENCES,
    cluster_counts,
    common,
    coverage_table,
    group_table,
    interval_coverage,
    method_table,
)
from tradingkb.evaluate.replayed import SCHEMA
from tradingkb.evaluate.result import GROUPS, Evaluation


def made(*rows: dict) -> pl.DataFrame:
    """Decisions of the recommender; what a row does not say is plain."""
    plain = {
        "method": "tradingkb",
        "chosen": True,
        "exact": True,
        "status": "ok",
        "relaxed": False,
        "regret": 0.5,
        "strategy": "s",
    }
    return pl.DataFrame(
        [{**plain, "decision": k, **row} for k, row in enumerate(rows)], schema=SCHEMA
    )


def test_methods_are_compared_on_the_decisions_that_all_of_them_made(
    evaluation: Evaluation,
) -> None:
    rows = evaluation.decisions
    shared = common(rows)
    complete = rows.group_by("decision").agg(pl.col("chosen").all()).filter("chosen")["decision"]
    assert set(shared["decision"]) == set(complete)
    assert 0 < len(complete) < evaluation.n_decisions
    assert shared["chosen"].all()
    assert set(evaluation.table["n"]) == {len(complete)}


def test_a_method_that_never_chose_leaves_the_others_their_decisions() -> None:
    rows = made(
        {"decision": 0},
        {"decision": 1},
        {"decision": 0, "method": "knn", "chosen": False},
        {"decision": 1, "method": "knn", "chosen": False},
        {"decision": 1, "method": "average"},
        {"decision": 0, "method": "average", "chosen": False},
    )
    shared = common(rows)
    assert set(shared["decision"]) == {1}
    assert set(shared["method"]) == {"tradingkb", "average"}


def test_a_difference_is_that_of_the_means_and_lies_within_its_intervals(
    evaluation: Evaluation,
) -> None:
    table = evaluation.table
    mean = dict(table.select("method", "regret").rows())
    for row in table.to_dicts():
        for reference in REFERENCES:
            found = row[f"vs_{reference}"]
            assert found == pytest.approx(mean[row["method"]] - mean[reference])
            for cluster in CLUSTERS:
                low, high = (row[f"vs_{reference}_{end}_{cluster}"] for end in ("low", "high"))
                assert low - 1e-12 <= found <= high + 1e-12
            if row["method"] == reference:
                assert (found, low, high) == (0, 0, 0)


def test_the_order_of_the_rows_does_not_matter(evaluation: Evaluation) -> None:
    rows = evaluation.decisions.sample(fraction=1.0, shuffle=True, seed=5)
    assert method_table(rows).equals(evaluation.table)
    for group in GROUPS:
        assert group_table(rows, group).equals(evaluation.by(group))


@pytest.mark.parametrize("group", [*GROUPS, "symbol"])
def test_groups_add_up_to_the_whole(evaluation: Evaluation, group: str) -> None:
    table = evaluation.by(group)
    assert table["n"].sum() == evaluation.table["n"][0]
    assert table[group].is_unique().all()
    for method, regret in evaluation.table.select("method", "regret").rows():
        weighted = (table["n"] * table[method]).sum() / table["n"].sum()
        assert weighted == pytest.approx(regret)
    assert np.allclose(table["vs_average"], table["tradingkb"] - table["average"])


def test_every_decision_has_a_status_and_shares_add_up(evaluation: Evaluation) -> None:
    table = evaluation.coverage
    assert table["n"].sum() == evaluation.n_decisions
    assert table["share"].sum() == pytest.approx(1.0)
    assert set(table["status"]) == {"none", "degraded", "ok"}
    none = table.filter(pl.col("status") == "none")
    assert none["regret"].item() is None


def test_coverage_is_told_by_status() -> None:
    table = coverage_table(
        made(
            {"regret": 0.2, "beats_defaults": 1.0},
            {"regret": 0.4, "beats_defaults": None},
            {"status": "degraded", "relaxed": True, "regret": 1.0, "beats_defaults": 0.0},
            {"method": "average", "regret": 9.0},
        )
    )
    assert table.rows() == [
        ("degraded", 1, pytest.approx(1 / 3), 1.0, 1.0, 0.0),
        ("ok", 2, pytest.approx(2 / 3), 0.0, pytest.approx(0.3), 1.0),
    ]


def test_quoted_spreads_count_results_of_exactly_the_chosen_set() -> None:
    spread = {"window_low": -1.0, "window_high": 1.0}
    found = interval_coverage(
        made(
            {"objective": 0.0, **spread},
            {"objective": 1.0, **spread},
            {"objective": 1.5, **spread},
            {"objective": -2.0, **spread},
            {"objective": -9.0, "exact": False, **spread},
            {"objective": -9.0},
            {"objective": -9.0, "method": "stated", **spread},
            {"chosen": False, "exact": None, **spread},
        )
    )
    assert found == {"n": 4, "inside": 0.5, "below": 0.25, "above": 0.25}


def test_without_any_quoted_spread_there_is_no_share() -> None:
    found = interval_coverage(made({"objective": 1.0}))
    assert found["n"] == 0
    assert all(math.isnan(found[name]) for name in ("inside", "below", "above"))


def test_one_symbol_has_no_interval_by_symbol() -> None:
    rows = made(
        *(
            {
                "decision": k,
                "method": m,
                "symbol": "A",
                "regret": 0.1 * k + 0.1 * (m == "average"),
                "quarter": f"20{k:02}Q1",
            }
            for k in range(4)
            for m in ("tradingkb", "average")
        )
    )
    (mine, _) = method_table(rows).to_dicts()
    assert mine["vs_average"] == pytest.approx(-0.1)
    assert math.isnan(mine["vs_average_low_symbol"])
    assert mine["vs_average_high_quarter"] == pytest.approx(-0.1)


def test_a_decision_without_a_symbol_is_a_cluster_of_its_own_kind() -> None:
    rows = made(
        *(
            {"decision": k, "method": m, "symbol": [None, "A", "B"][k], "regret": 0.1 * k * len(m)}
            for k in range(3)
            for m in ("tradingkb", "average")
        )
    )
    (mine, _) = method_table(rows).to_dicts()
    assert mine["vs_average_low_symbol"] < mine["vs_average"] < mine["vs_average_high_symbol"]
    assert group_table(rows, "symbol")["n"].sum() == 3


def test_exact_results_alone_are_compared_where_both_are_exact() -> None:
    regrets = {"tradingkb": [0.1, 0.2, 0.9, 0.9], "average": [0.2, 0.5, 0.1, 0.1]}
    exact = {"tradingkb": [True, True, False, True], "average": [True, True, True, False]}
    rows = made(
        *(
            {"decision": k, "method": m, "symbol": "AB"[k % 2], "regret": regret, "exact": own}
            for m in regrets
            for k, (regret, own) in enumerate(zip(regrets[m], exact[m], strict=True))
        )
    )
    mine, average = method_table(rows).to_dicts()
    assert (mine["exact"], mine["exact_n"], mine["exact_n_symbol"]) == (0.75, 2, 2)
    assert mine["exact_vs_average"] == pytest.approx(-0.2)
    assert mine["exact_vs_average_low_symbol"] < -0.2 < mine["exact_vs_average_high_symbol"]
    assert average["exact_vs_average"] == 0.0


def test_without_any_exact_result_there_is_no_difference_of_them() -> None:
    rows = made(*({"decision": 0, "method": m, "exact": False} for m in ("tradingkb", "average")))
    mine = method_table(rows).to_dicts()[0]
    assert (mine["exact"], mine["exact_n"], mine["exact_vs_average"]) == (0.0, 0, None)


def test_clusters_are_counted_over_the_decisions_that_are_compared() -> None:
    rows = made(
        {"decision": 0, "symbol": "A", "quarter": "2020Q1"},
        {"decision": 1, "symbol": "B", "quarter": "2020Q1"},
        {"decision": 2, "symbol": "C", "quarter": "2020Q2", "chosen": False},
    )
    assert cluster_counts(rows) == {"symbol": 2, "as_of": 1, "quarter": 1}
