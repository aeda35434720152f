"""The part of the `TrialStore` contract about reading a share of it, and transactions shared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import polars as pl
import pytest

from tradingkb.ports import TrialStore
from tradingkb.testing.stored import (
    ADA,
    NOON,
    OTHER_WORKSPACE,
    STRATEGY,
    WORKSPACE,
    fill,
    index_frame,
    trial_frame,
    window_frame,
    workspace,
)

_T = TypeVar("_T")


def _elsewhere(question: Callable[[], _T]) -> _T:
    """What another thread is answered."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(question).result()


class ShareContract:
    """Part of `TrialStoreContract`."""

    # shares

    def test_windows_are_found_by_their_keys(self, kb: TrialStore) -> None:
        kb.write_windows(WORKSPACE, window_frame({"window_key": "w2"}, {"window_key": "w3"}))
        asked = pl.Series(["w3", "w1", "w3", "nowhere"])
        every = kb.window_rows(WORKSPACE)
        found = kb.window_rows(WORKSPACE, keys=asked).sort("window_key")
        assert found.equals(every.filter(pl.col("window_key").is_in(["w1", "w3"])))
        assert kb.window_rows(WORKSPACE, keys=asked.head(0)).equals(every.head(0))

    def test_parameter_sets_are_found_by_strategy_and_hash(self, kb: TrialStore) -> None:
        fill(kb, "rsi")
        pairs = pl.DataFrame(
            {"strategy_name": ["rsi", "rsi", "macd"], "params_hash": ["h1", "h2", "h1"]}
        )
        found = kb.param_set_rows(WORKSPACE, None, pairs)
        assert found.select("strategy_name", "params_hash").rows() == [("rsi", "h1")]
        assert kb.param_set_rows(WORKSPACE, None, pairs.head(0)).equals(found.head(0))

    def test_trials_are_counted_no_further_than_asked(self, kb: TrialStore) -> None:
        kb.write_trials(WORKSPACE, trial_frame(kb, *({"source_id": f"t{i}"} for i in range(3))))
        counts = {n: kb.count_trials(WORKSPACE, n) for n in (0, 1, 3, 4, None)}
        assert counts == {0: 0, 1: 1, 3: 3, 4: 3, None: 3}

    def test_windows_reach_a_number_by_those_that_have_a_regime(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        assert kb.regimes_reach(WORKSPACE, 0)
        assert not kb.regimes_reach(WORKSPACE, 1)
        regimes = window_frame(
            {"regime_is": '{"a":1}'}, {"window_key": "w2", "regime_oos": '{"a":1}'}
        )
        kb.write_windows(WORKSPACE, regimes)
        assert [kb.regimes_reach(WORKSPACE, n) for n in (1, 2, 3)] == [True, True, False]
        assert not kb.regimes_reach(OTHER_WORKSPACE, 1)

    # transactions

    def test_what_is_written_together_is_seen_inside_and_by_others_at_the_end(
        self, kb: TrialStore
    ) -> None:
        with kb.writing():
            kb.write_trials(WORKSPACE, trial_frame(kb, {}))
            with kb.reading():
                assert kb.count_trials(WORKSPACE) == 1
            assert _elsewhere(lambda: kb.count_trials(WORKSPACE)) == 0
        assert _elsewhere(lambda: kb.count_trials(WORKSPACE)) == 1

    def test_what_is_read_together_is_of_one_moment(self, kb: TrialStore) -> None:
        with kb.reading():
            assert kb.count_trials(WORKSPACE) == 0
            _elsewhere(lambda: kb.write_trials(WORKSPACE, trial_frame(kb, {})))
            assert kb.count_trials(WORKSPACE) == 0
        assert kb.count_trials(WORKSPACE) == 1

    def test_an_error_leaves_nothing_of_what_is_written_together(self, kb: TrialStore) -> None:
        with pytest.raises(KeyboardInterrupt), kb.writing():
            kb.write_windows(WORKSPACE, window_frame({"window_key": "w2"}))
            kb.write_trials(WORKSPACE, trial_frame(kb, {}))
            raise KeyboardInterrupt
        assert kb.window_rows(WORKSPACE)["window_key"].to_list() == ["w1"]
        assert kb.count_trials(WORKSPACE) == 0
        kb.write_trials(WORKSPACE, trial_frame(kb, {}))
        assert kb.count_trials(WORKSPACE) == 1

    def test_a_write_inside_of_shared_reads_is_there_at_once(self, kb: TrialStore) -> None:
        with kb.reading():
            assert kb.count_trials(WORKSPACE) == 0
            kb.write_trials(WORKSPACE, _elsewhere(lambda: trial_frame(kb, {})))
            assert _elsewhere(lambda: kb.count_trials(WORKSPACE)) == 1
        assert kb.count_trials(WORKSPACE) == 1

    # what is known to be finished

    def test_a_strategy_stays_finished_by_the_word_of_who_wrote_trials_and_entries(
        self, kb: TrialStore, trial: int
    ) -> None:
        """The word is a lie here, and so it is seen that it was taken: nothing looked."""
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        assert kb.unfinished(WORKSPACE, "kb", "p").is_empty()
        rows = trial_frame(kb, {"source_id": "t2"}, {"source_id": "t3"})
        since = kb.write_trials(WORKSPACE, rows)
        assert since.rows() == [(STRATEGY, kb.generation(WORKSPACE, STRATEGY))]
        two = kb.trial_ids(WORKSPACE, rows.filter(source_id="t2"))["trial_id"].item()
        kb.write_index(WORKSPACE, index_frame(two), NOON, since)
        assert kb.unfinished(WORKSPACE, "kb", "p").is_empty()
        assert kb.unfinished(WORKSPACE, "kb", "p2").height == 3
        assert kb.unfinished(WORKSPACE, "kb2", "p").height == 3

    @pytest.mark.parametrize("when", ["before the trials", "after the trials", "never checked"])
    def test_a_strategy_that_anything_else_has_changed_is_looked_through(
        self, kb: TrialStore, trial: int, when: str
    ) -> None:
        def change() -> None:
            kb.change_status(WORKSPACE, pl.Series([trial]), "promoted", ADA, NOON)

        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        if when != "never checked":
            assert kb.unfinished(WORKSPACE, "kb", "p").is_empty()
        if when == "before the trials":
            change()
        rows = trial_frame(kb, {"source_id": "t2"})
        since = kb.write_trials(WORKSPACE, rows)
        two = kb.trial_ids(WORKSPACE, rows)["trial_id"].item()
        if when == "after the trials":
            change()
        if when == "never checked":
            kb.mark_unfinished(WORKSPACE, pl.Series([trial]), "kb")
        kb.write_index(WORKSPACE, index_frame(two), NOON, since)
        assert kb.unfinished(WORKSPACE, "kb", "p")["trial_id"].to_list() == [trial]
