"""Withdrawing whole runs: the newest run that is not withdrawn speaks."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable

import polars as pl
import pytest

import tradingkb as tkb
from tests.small_store import (
    MARKET,
    counted,
    entries,
    events,
    flaky,
    ids,
    nominated,
    pointed,
    sql,
    statuses,
    trials,
)

Open = Callable[..., tkb.KnowledgeBase]


def scored(score: float, *names: str) -> pl.DataFrame:
    """Trials of one window of these names, all with one score."""
    frame = trials(1, fasts=(5, 10, 20), scores=dict.fromkeys(("0:5", "0:10", "0:20"), score))
    return frame.filter(pl.col("source_id").is_in(names)) if names else frame


def scores(kb: tkb.KnowledgeBase) -> dict[str, float]:
    """What stands: out-of-sample Sharpe ratios by source_id, without withdrawn trials."""
    space = kb.workspaces()["id"][0]
    rows = kb.use_cases.store.partition(space, "s", "any").trials
    return dict(zip(rows["source_id"], rows["sharpe_oos"], strict=True))


# --- one run --------------------------------------------------------------------------------------


def test_trials_that_only_a_withdrawn_run_brought_count_for_nothing_and_stay_stored(
    open_kb: Open,
) -> None:
    kb = open_kb()
    kb.ingest(trials())
    run = kb.ingest(trials(6).filter(pl.col("source_id").str.slice(0, 1) >= "4")).run_id
    assert counted(kb) == 12
    report = kb.withdraw(run, reason="look-ahead")
    assert report.transitions == {"withdrawn": 4}
    assert (report.points_pending, report.index_pending) == (0, 0)
    assert counted(kb) == 8
    rec = kb.recommend("s", regime=MARKET)
    assert rec.windows_used == 4
    assert not nominated(kb) & {"4:5", "4:20", "5:5", "5:20"}
    assert kb.strategies()["n_trials"].item() == 8
    assert kb.trials().height == 12
    assert pointed(kb) == set(trials()["source_id"])
    assert entries(kb)["4:5"]["reason"] == "withdrawn: look-ahead"
    assert kb.reconcile().clean


def test_a_withdrawn_run_says_who_took_it_back_and_why_until_it_is_brought_back(
    open_kb: Open, caplog: pytest.LogCaptureFixture
) -> None:
    kb = open_kb()
    run = kb.ingest(trials()).run_id
    with caplog.at_level(logging.INFO, "tradingkb"):
        kb.withdraw(run, reason="wrong costs", actor="ada")
    (event,) = events(caplog, "kb_run_withdraw")
    assert (event["run_id"], event["count"], event["actor"]) == (run, 8, "ada")
    columns = ("withdrawn_by", "withdrawn_reason")
    assert kb.runs().select(columns).row(0) == ("ada", "wrong costs")
    assert kb.runs()["withdrawn_at"][0] is not None
    kb.reinstate(run)
    assert kb.runs().select("withdrawn_at", *columns).row(0) == (None, None, None)


def test_a_run_that_is_brought_back_is_as_if_nothing_had_happened(open_kb: Open) -> None:
    kb = open_kb()
    run = kb.ingest(trials()).run_id
    kb.promote("1:5")
    before, found = kb.trials(), nominated(kb)
    kb.withdraw(run, reason="x")
    assert scores(kb) == {}
    report = kb.reinstate(run)
    assert report.transitions == {"reinstated": 8}
    assert kb.trials().equals(before)
    assert nominated(kb) == found
    assert pointed(kb) == set(trials()["source_id"])
    assert kb.reconcile().clean


def test_a_strategy_whose_trials_are_all_withdrawn_is_known_and_has_no_answer(
    open_kb: Open,
) -> None:
    kb = open_kb()
    kb.withdraw(kb.ingest(trials()).run_id, reason="x")
    rec = kb.recommend("s", regime=MARKET)
    assert (rec.status, rec.params) == ("none", None)
    assert "no_trials_for_strategy" in rec.reasons
    with pytest.raises(tkb.UnknownStrategyError, match="did you mean s"):
        kb.recommend("ss")


@pytest.mark.parametrize("reason", ["", "  "])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_withdrawal_needs_a_reason(open_kb: Open, reason: str, dry_run: bool) -> None:
    kb = open_kb()
    run = kb.ingest(scored(1.0)).run_id
    with pytest.raises(tkb.InvalidInputError, match="needs a reason; nothing was changed"):
        kb.withdraw(run, reason=reason, dry_run=dry_run)
    assert len(scores(kb)) == 3


def test_an_unknown_run_is_refused_with_near_names(open_kb: Open) -> None:
    kb = open_kb()
    run = kb.ingest(scored(1.0)).run_id
    for ask in (kb.withdraw, kb.reinstate):
        with pytest.raises(tkb.NotFoundError, match=run):
            ask(run[:-1] + "x", reason="y")
    kb.create_workspace("other")
    with pytest.raises(tkb.NotFoundError):
        kb.withdraw(run, reason="y", workspace="other")


def test_a_re_embedding_is_no_run_that_can_be_withdrawn(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(scored(1.0))
    with pytest.raises(tkb.NotFoundError):
        kb.withdraw(kb.reembed().run_id, reason="y")


@pytest.mark.parametrize("call", ["withdraw", "reinstate"])
def test_a_dry_run_says_the_effects_of_the_real_one_and_writes_nothing(
    open_kb: Open, call: str
) -> None:
    kb = open_kb()
    kb.ingest(scored(1.0, "0:5", "0:10"))
    run = kb.ingest(scored(2.0, "0:10", "0:20")).run_id
    if call == "reinstate":
        kb.withdraw(run, reason="x")
    tables = (
        "trials",
        "trial_versions",
        "kb_trial_index",
        "ingest_runs",
        "partition_generations",
        "leases",
    )
    before = [sql(kb, f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables]
    dry = getattr(kb, call)(run, reason="why", dry_run=True)
    assert [sql(kb, f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables] == before
    real = getattr(kb, call)(run, reason="why")
    assert {**dry.to_dict(), "dry_run": False} == real.to_dict()
    assert real.transitions == (
        {"reverted": 1, "withdrawn": 1} if call == "withdraw" else {"reinstated": 1, "restored": 1}
    )


def test_a_dry_run_does_not_wait_for_an_ingest(open_kb: Open) -> None:
    kb = open_kb()
    run = kb.ingest(scored(1.0)).run_id
    space = kb.workspaces()["id"][0]
    kb.use_cases.store.acquire_lease(
        f"index:{space}",
        "another",
        kb.use_cases.indexer.clock(),
        kb.use_cases.indexer.clock().replace(year=2099),
    )
    assert kb.withdraw(run, reason="x", dry_run=True).changed == 3


def test_a_run_is_withdrawn_though_the_vector_index_is_away_and_the_next_ingest_heals(
    open_kb: Open,
) -> None:
    kb = open_kb()
    index = flaky(kb)
    kb.ingest(scored(1.0, "0:5", "0:10"))
    run = kb.ingest(scored(2.0, "0:10", "0:20")).run_id
    index.down = True
    report = kb.withdraw(run, reason="x")
    assert scores(kb) == {"0:5": 1.0, "0:10": 1.0}
    assert (report.points_pending, report.index_pending) == (1, 1)
    index.down = False
    kb.ingest(trials(2).filter(pl.col("source_id") == "1:5"))
    assert pointed(kb) == {"0:5", "0:10", "1:5"}
    assert kb.reconcile().clean


def test_an_answer_moves_with_a_withdrawal_also_in_another_open_knowledge_base(
    open_kb: Open,
) -> None:
    kb, neighbour = open_kb(), open_kb()
    kb.ingest(trials())
    run = kb.ingest(trials(scores={f"{w}:5": 9.0 for w in range(4)})).run_id
    assert neighbour.recommend("s").params == {"fast": 5}
    kb.withdraw(run, reason="x")
    assert neighbour.recommend("s").params == {"fast": 20}
    kb.reinstate(run)
    assert neighbour.recommend("s").params == {"fast": 5}


def test_a_trial_that_a_withdrawn_run_gave_to_another_strategy_goes_back(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(trials())
    others = trials().with_columns(strategy_name=pl.lit("other"))
    run = kb.ingest(others, replace=True).run_id
    assert kb.recommend("other").after_strict == 8
    kb.withdraw(run, reason="x")
    assert counted(kb) == 8
    assert kb.strategies()["strategy_name"].to_list() == ["s"]
    assert kb.reconcile().clean


def test_a_status_is_an_admins_word_and_stays_whatever_runs_say(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(scored(1.0))
    kb.promote("0:5")
    run = kb.ingest(scored(2.0)).run_id
    kb.reject("0:10", reason="x")
    kb.withdraw(run, reason="y")
    assert statuses(kb) == {"0:5": "promoted", "0:10": "rejected", "0:20": "candidate"}
    kb.reinstate(run)
    assert statuses(kb) == {"0:5": "promoted", "0:10": "rejected", "0:20": "candidate"}
    assert pointed(kb) == {"0:5", "0:20"}


# --- several runs ---------------------------------------------------------------------------------

RUNS = {1: ("0:5", "0:10"), 2: ("0:10", "0:20"), 3: ("0:5", "0:10", "0:20")}


def standing(withdrawn: Iterable[int]) -> dict[str, float]:
    """The brute-force model: the newest run that is not withdrawn speaks."""
    found: dict[str, float] = {}
    for run in sorted(set(RUNS) - set(withdrawn)):
        found.update(dict.fromkeys(RUNS[run], float(run)))
    return found


def test_overlapping_runs_are_withdrawn_and_brought_back_in_any_order(open_kb: Open) -> None:
    """In all orders, one after the other: each begins with all three runs, as the first one did."""
    kb = open_kb()
    run_ids = {run: kb.ingest(scored(float(run), *names)).run_id for run, names in RUNS.items()}
    known = ids(kb)
    for out, turned in itertools.product(itertools.permutations(RUNS), (1, -1)):
        back = out[::turned]
        gone: set[int] = set()
        for call, order in ((kb.withdraw, out), (kb.reinstate, back)):
            for run in order:
                before = scores(kb)
                report = call(run_ids[run], reason="x")
                gone ^= {run}
                assert scores(kb) == standing(gone), (out, back, gone)
                moved = {name for name in known if before.get(name) != standing(gone).get(name)}
                assert set(report.trial_ids) == {known[name] for name in moved}, (out, back, gone)
        assert pointed(kb) == set(scores(kb)), (out, back)
        assert kb.reconcile().clean, (out, back)
        assert sql(kb, "SELECT count(*) FROM trial_versions") == [(4,)], (out, back)


def test_withdrawing_twice_changes_nothing_more(open_kb: Open) -> None:
    kb = open_kb()
    run = kb.ingest(scored(1.0)).run_id
    assert kb.reinstate(run).changed == 0
    kb.withdraw(run, reason="looked ahead", actor="ada")
    first = kb.runs()
    again = kb.withdraw(run, reason="another", actor="bob")
    assert (again.changed, again.transitions) == (0, {})
    assert "nothing to change" in str(again)
    assert kb.runs().equals(first)


# --- ingesting again ------------------------------------------------------------------------------


def test_the_same_file_does_not_bring_withdrawn_trials_back(open_kb: Open) -> None:
    kb = open_kb()
    kb.withdraw(kb.ingest(scored(1.0)).run_id, reason="x")
    for dry_run in (True, False):
        report = kb.ingest(scored(1.0), dry_run=dry_run)
        assert set(report.counts().values()) == {0}
        assert (report.rows, report.not_eligible) == (3, 3)
        assert any("3 rows equal trials that were withdrawn" in note for note in report.notes)
    assert scores(kb) == {}
    assert pointed(kb) == set()
    assert kb.ingest().not_eligible == 3


def test_the_same_file_does_not_bring_back_what_a_withdrawn_run_had_changed(open_kb: Open) -> None:
    """A buggy nightly run is withdrawn; its file is still there the next night."""
    kb = open_kb()
    kb.ingest(scored(1.0))
    kb.withdraw(kb.ingest(scored(2.0)).run_id, reason="bug")
    report = kb.ingest(scored(2.0))
    assert any("3 rows equal trials that were withdrawn" in note for note in report.notes)
    assert report.updated == 0
    assert set(scores(kb).values()) == {1.0}
    assert kb.ingest(scored(1.0)).skipped == 3
    assert kb.reconcile().clean


def test_no_file_of_any_withdrawn_run_brings_a_trial_back(open_kb: Open) -> None:
    kb = open_kb()
    runs = [kb.ingest(scored(float(n))).run_id for n in (1, 2)]
    for run in runs:
        kb.withdraw(run, reason="bug")
    for n in (1, 2):
        kb.ingest(scored(float(n)))
        assert scores(kb) == {}


def test_rows_that_stay_out_do_not_stop_the_others_of_their_file(open_kb: Open) -> None:
    kb = open_kb()
    kb.withdraw(kb.ingest(scored(1.0, "0:5")).run_id, reason="x")
    report = kb.ingest(scored(1.0))
    assert (report.inserted, report.not_eligible) == (2, 1)
    assert set(scores(kb)) == {"0:10", "0:20"}


def test_changed_rows_of_withdrawn_trials_come_back(open_kb: Open) -> None:
    kb = open_kb()
    kb.withdraw(kb.ingest(scored(1.0)).run_id, reason="x")
    report = kb.ingest(scored(1.5, "0:5"))
    assert report.unarchived == 1
    assert scores(kb) == {"0:5": 1.5}
    assert pointed(kb) == {"0:5"}


@pytest.mark.parametrize("earlier", [False, True], ids=["new trials", "changed trials"])
def test_withdrawn_rows_are_taken_when_they_are_readmitted(open_kb: Open, earlier: bool) -> None:
    kb = open_kb()
    if earlier:
        kb.ingest(scored(1.0))
    first = kb.ingest(scored(2.0)).run_id
    kb.withdraw(first, reason="x")
    report = kb.ingest(scored(2.0), readmit=True)
    assert report.not_eligible == 0
    assert set(scores(kb).values()) == {2.0}
    assert pointed(kb) == {"0:5", "0:10", "0:20"}
    kb.reinstate(first)
    kb.withdraw(report.run_id, reason="again")
    assert set(scores(kb).values()) == {2.0}
    assert kb.reconcile().clean


def test_a_rejected_trial_stays_rejected_when_its_run_comes_back(open_kb: Open) -> None:
    kb = open_kb()
    run = kb.ingest(scored(1.0)).run_id
    kb.withdraw(run, reason="x")
    kb.reject("0:5", reason="y")
    kb.reinstate(run)
    assert counted(kb) == 2
    assert pointed(kb) == {"0:10", "0:20"}
    assert kb.reconcile().clean
