"""The benchmark never leaves its own folder, and its peers answer the same question."""

from __future__ import annotations

import polars as pl
import pytest

from tradingkb.bench.data import counts, make_trials, make_windows, questions, strategies
from tradingkb.bench.knowledge import NEIGHBOURS, Retrieval, ask, open_kb
from tradingkb.bench.peers import numpy_limit, qdrant_local
from tradingkb.bench.peers.raw_sqlite import insert_again
from tradingkb.domain.filters import STRICT
from tradingkb.vectors.order import SIMILARITY_DIGITS

STRATEGY = strategies(2)[1].spec.name


@pytest.fixture(scope="module")
def trials() -> pl.DataFrame:
    return make_trials(make_windows(40), counts(1_200, 60))


@pytest.fixture
def home(tmp_path, trials):
    with open_kb(tmp_path / "home") as kb:
        kb.ingest(trials)
    return tmp_path / "home"


def test_settings_of_the_environment_do_not_send_made_up_trials_elsewhere(
    tmp_path, monkeypatch, trials
):
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{elsewhere}/kb.db")
    monkeypatch.setenv("TRADINGKB_HOME", str(elsewhere))
    monkeypatch.setenv("QDRANT_URL", "http://127.0.0.1:1")
    with open_kb(tmp_path / "home") as kb:
        assert kb.ingest(trials).counts()["inserted"] == trials.height
    assert not elsewhere.exists()


def test_every_peer_finds_the_same_similarities(home, trials):
    every = trials.filter(strategy_name=STRATEGY)
    with open_kb(home) as kb:
        asked = Retrieval(kb, STRATEGY)
        arrays = numpy_limit.load(trials, asked.embedder)
        partition = numpy_limit.load(every, asked.embedder)
        client = qdrant_local.fill(arrays, trials["strategy_name"].to_list())
        for market in questions(5):
            vector = asked.vector(market)
            best = asked.nearest(vector)[0].similarity
            limit = numpy_limit.nearest(partition, vector, STRICT, every.height)
            local = qdrant_local.nearest(client, STRATEGY, vector, STRICT, NEIGHBOURS)
            # Ours is rounded: half a step of its last digit, and what float32 adds.
            assert limit[0] == pytest.approx(best, abs=0.5 * 10**-SIMILARITY_DIGITS + 1e-5)
            assert local == pytest.approx(limit[: len(local)], abs=1e-5)
            assert limit[len(local) :] == [float("-inf")] * (every.height - len(local))
        client.close()


def test_optuna_keeps_the_trials_that_pass_the_same_filters(tmp_path, trials):
    pytest.importorskip("optuna", reason="the peer optuna is not installed: its rows are left out")
    from tradingkb.bench.peers import optuna_rdb

    few = trials.filter(strategy_name=STRATEGY).head(30)
    optuna_rdb.fill(tmp_path / "optuna.db", few)
    kept = optuna_rdb.load_and_filter(tmp_path / "optuna.db", STRICT)
    passing = few.filter(
        pl.coalesce("max_drawdown_frac_oos", "max_drawdown_frac_is") <= STRICT.max_drawdown,
        pl.coalesce("n_trades_oos", "n_trades_is") >= STRICT.min_trades,
        ~((pl.col("sharpe_is") - pl.col("sharpe_oos")) > STRICT.max_overfit_gap).fill_null(False),
        pl.col("sharpe_oos").is_not_null(),
    )
    assert len(kept) == passing.height > 0


def test_the_raw_insertion_leaves_nothing_behind_and_counts_every_row(home, tmp_path, trials):
    with open_kb(home) as kb:
        ask(kb, STRATEGY, questions(1)[0])  # its event is no part of an ingest
    took, rows = insert_again(home, tmp_path)
    assert took > 0
    assert rows["trials"] == rows["kb_vectors"] == rows["kb_trial_index"] == trials.height
    assert "recommend_events" not in rows
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
