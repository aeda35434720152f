"""Promoting, rejecting and archiving: what changes, what is recorded, what is refused."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.small_store import (
    MARKET,
    counted,
    entries,
    events,
    failed_deletes,
    flaky,
    ids,
    nominated,
    pointed,
    regime,
    sql,
    statuses,
    trials,
)

Open = Callable[..., tkb.KnowledgeBase]


@pytest.fixture
def kb(open_kb: Open, small_home: Path) -> tkb.KnowledgeBase:
    """Eight candidates on four windows, indexed."""
    return open_kb(like=small_home)


def prepared(kb: tkb.KnowledgeBase, before: str) -> None:
    """Brings the trial "0:5" to a status."""
    if before == "promoted":
        kb.promote("0:5")
    elif before == "rejected":
        kb.reject("0:5", reason="set up")


ALLOWED = [
    ("candidate", "promote", "promoted", None),
    ("candidate", "promote", "promoted", "steady"),
    ("candidate", "reject", "rejected", "look-ahead"),
    ("promoted", "reject", "rejected", "look-ahead"),
    ("rejected", "promote", "promoted", "the data were right"),
]


@pytest.mark.parametrize(("before", "call", "after", "reason"), ALLOWED)
def test_an_allowed_change_is_made_and_leaves_one_row_of_history(
    kb: tkb.KnowledgeBase, before: str, call: str, after: str, reason: str | None
) -> None:
    prepared(kb, before)
    known = kb.history().height
    report = getattr(kb, call)("0:5", reason=reason, actor="ada", actor_type="lead")
    assert statuses(kb)["0:5"] == after
    assert report.transitions == {f"{before}_to_{after}": 1}
    history = kb.history()
    assert history.height == known + 1
    row = history.row(0, named=True)
    assert row.pop("at").tzinfo is not None
    assert row == {
        "trial_id": ids(kb)["0:5"],
        "source_id": "0:5",
        "strategy_name": "s",
        "from_status": before,
        "to_status": after,
        "actor": "ada",
        "actor_type": "lead",
        "reason": reason,
    }


@pytest.mark.parametrize("reason", [None, "", "  \n"])
@pytest.mark.parametrize(("call", "who"), [("reject", "rejecting"), ("promote", "restoring")])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_change_that_lacks_its_reason_is_refused_and_none_of_its_trials_changes(
    kb: tkb.KnowledgeBase, call: str, who: str, reason: str | None, dry_run: bool
) -> None:
    kb.reject("0:5", reason="set up")
    before, history = statuses(kb), kb.history()
    chosen = ["0:5", "0:20", "1:5"]
    with pytest.raises(tkb.InvalidInputError, match=f"{who} a trial needs a reason"):
        getattr(kb, call)(chosen, reason=reason, dry_run=dry_run)
    assert statuses(kb) == before
    assert kb.history().equals(history)


@pytest.mark.parametrize(
    "named",
    [
        lambda kb: ids(kb)["1:5"],
        lambda kb: [ids(kb)["1:5"]],
        lambda kb: pl.Series([ids(kb)["1:5"]]),
        lambda kb: pl.Series([ids(kb)["1:5"]]).to_numpy(),
        lambda kb: "1:5",
        lambda kb: {"1:5"},
        lambda kb: entries(kb)["1:5"]["point_id"],
        lambda kb: (entries(kb)["1:5"]["point_id"],),
        lambda kb: kb.trials(source_id="1:5"),
        lambda kb: kb.trials(source_id="1:5").lazy(),
        lambda kb: kb.trials(source_id="1:5").select("trial_id", "source_id").to_pandas(),
        lambda kb: pl.DataFrame({"source_id": ["1:5", "1:5", None]}),
        lambda kb: pl.DataFrame({"point_id": [entries(kb)["1:5"]["point_id"]]}),
    ],
    ids=(
        "a trial_id",
        "trial_ids",
        "a series",
        "an array",
        "a source_id",
        "source_ids",
        "a point id",
        "point ids",
        "a frame",
        "a lazy frame",
        "a pandas frame",
        "source_id column",
        "point_id column",
    ),
)
def test_trials_are_named_by_any_of_their_ids(
    kb: tkb.KnowledgeBase, named: Callable[[tkb.KnowledgeBase], Any]
) -> None:
    report = kb.promote(named(kb))
    assert (report.selected, report.changed) == (1, 1)
    assert [k for k, v in statuses(kb).items() if v == "promoted"] == ["1:5"]


def test_a_source_id_that_looks_like_a_point_id_is_found(open_kb: Open) -> None:
    kb = open_kb()
    names = [str(uuid.UUID(int=n)) for n in range(8)]
    kb.ingest(trials().with_columns(source_id=pl.Series(names)))
    point = entries(kb)[names[1]]["point_id"]
    assert kb.promote([names[0], point]).changed == 2
    assert statuses(kb)[names[0]] == statuses(kb)[names[1]] == "promoted"
    with pytest.raises(tkb.NotFoundError, match=str(uuid.UUID(int=99))):
        kb.promote([names[2], str(uuid.UUID(int=99))])
    assert statuses(kb)[names[2]] == "candidate"


@pytest.mark.parametrize(
    "unknown", [["0:5", "nobody"], [10**6], [str(uuid.uuid4())]], ids=["source", "trial", "point"]
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_an_unknown_id_is_named_and_nothing_changes(
    kb: tkb.KnowledgeBase, unknown: list[Any], dry_run: bool
) -> None:
    with pytest.raises(tkb.NotFoundError, match=str(unknown[-1])) as refused:
        kb.reject(unknown, reason="x", dry_run=dry_run)
    assert "none exist" not in str(refused.value)  # others do
    assert set(statuses(kb).values()) == {"candidate"}


@pytest.mark.parametrize(
    "nothing", [(), (None,), ([],), ([1, "0:5"],), (True,), (1.5,), (pl.DataFrame({"x": [1]}),)]
)
def test_trials_that_are_not_named_are_refused(
    kb: tkb.KnowledgeBase, nothing: tuple[Any, ...]
) -> None:
    with pytest.raises(tkb.InvalidInputError, match="trials"):
        kb.reject(*nothing, reason="x")
    assert set(statuses(kb).values()) == {"candidate"}


def test_filters_that_select_nothing_say_so(kb: tkb.KnowledgeBase) -> None:
    for filters in ({"strategy_name": "typo"}, {"symbol": ""}, {"run_id": ""}):
        report = kb.reject(**filters, reason="x")
        assert (report.selected, report.changed) == (0, 0)
        assert "no trial of workspace default is selected" in str(report)
    assert "is selected" not in str(kb.reject("0:5", reason="x"))


@pytest.mark.parametrize(
    ("who", "field"),
    [
        ({"actor": "x" * 129}, "actor"),
        ({"actor_type": "x" * 33}, "actor_type"),
        ({"reason": "a\0b"}, "reason"),
        ({"actor": "\0"}, "actor"),
    ],
)
def test_who_and_why_that_no_database_can_hold_are_refused(
    kb: tkb.KnowledgeBase, who: dict[str, str], field: str
) -> None:
    with pytest.raises(tkb.InvalidInputError, match=field):
        kb.reject("0:5", **{"reason": "x", **who})
    assert set(statuses(kb).values()) == {"candidate"}
    assert kb.history().is_empty()


def test_a_trial_of_another_workspace_is_unknown(kb: tkb.KnowledgeBase) -> None:
    kb.create_workspace("other")
    with pytest.raises(tkb.NotFoundError):
        kb.promote(ids(kb)["0:5"], workspace="other")


def test_filters_alone_promote_candidates_and_no_rejected_trial(kb: tkb.KnowledgeBase) -> None:
    kb.reject("0:5", reason="bad")
    kb.promote("0:20")
    report = kb.promote(strategy_name="s")
    assert (report.selected, report.transitions) == (6, {"candidate_to_promoted": 6})
    assert statuses(kb)["0:5"] == "rejected"
    assert kb.promote(kb_status="rejected", reason="looked again").changed == 1
    assert set(statuses(kb).values()) == {"promoted"}


def test_all_filters_hold_at_once_and_narrow_ids_too(kb: tkb.KnowledgeBase) -> None:
    assert kb.promote(strategy_name="s", symbol="Y").selected == 0
    assert kb.promote(["0:5", "0:20"], symbol="X", timeframe="1d").selected == 2
    assert kb.reject(["0:5", "1:5"], kb_status="candidate", reason="x").transitions == {
        "candidate_to_rejected": 1
    }
    (run,) = kb.runs()["run_id"]
    assert kb.reject(run_id=run, source_type="import", reason="x").selected in (0, 8)


def test_trials_that_are_that_way_already_are_counted_and_left_alone(kb: tkb.KnowledgeBase) -> None:
    kb.reject("0:5", reason="first")
    report = kb.reject(["0:5", "0:20"], reason="second")
    assert (report.selected, report.changed, report.unchanged) == (2, 1, 1)
    assert report.trial_ids == (ids(kb)["0:20"],)
    assert kb.history("0:5")["reason"].to_list() == ["first"]
    assert "1 unchanged" in str(report)


@pytest.mark.parametrize("call", ["promote", "reject", "archive"])
def test_a_dry_run_says_the_counts_of_the_real_run_and_writes_nothing(
    kb: tkb.KnowledgeBase, call: str
) -> None:
    kb.reject("0:5", reason="set up")
    kb.promote("1:5")
    kb.archive("2:5")
    tables = ("trials", "kb_trial_index", "kb_status_history", "partition_generations", "leases")
    before = [sql(kb, f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables]
    arguments: Any = (list(statuses(kb)),)
    dry = getattr(kb, call)(*arguments, reason="why", dry_run=True)
    assert [sql(kb, f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables] == before
    real = getattr(kb, call)(*arguments, reason="why")
    assert {**dry.to_dict(), "dry_run": False} == real.to_dict()
    assert str(dry).startswith("dry run, nothing written")


def test_status_changes_are_logged_one_event_per_transition(
    kb: tkb.KnowledgeBase, caplog: pytest.LogCaptureFixture
) -> None:
    kb.promote(["0:5", "0:20"])
    with caplog.at_level(logging.INFO, "tradingkb"):
        kb.reject(["0:5", "0:20", "1:5"], reason="why", actor="ada", actor_type="service")
    found = events(caplog, "kb_admin_status_change_total")
    space = kb.workspaces()["id"][0]
    same = {"actor": "ada", "actor_type": "service", "workspace_id": space}
    assert found == [
        {"transition": "candidate_to_rejected", "count": 1, **same},
        {"transition": "promoted_to_rejected", "count": 2, **same},
    ]


def test_the_actor_is_the_user_where_nobody_is_named(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    kb.promote("0:5")
    row = kb.history().row(0, named=True)
    assert (row["actor"], row["actor_type"]) == ("grace", "admin")


def test_history_is_newest_first_limited_and_selected(kb: tkb.KnowledgeBase) -> None:
    kb.promote("0:5")
    kb.reject(["0:5", "1:5"], reason="x")
    kb.promote("0:5", reason="y")
    assert kb.history("0:5")["to_status"].to_list() == ["promoted", "rejected", "promoted"]
    assert kb.history(limit=2)["reason"].to_list() == ["y", "x"]
    assert kb.history(limit=None).height == 4
    assert kb.history(kb_status="rejected")["source_id"].to_list() == ["1:5"]
    assert kb.history(["0:5", "1:5"], limit=1)["reason"].to_list() == ["y"]
    assert kb.history("2:5").is_empty()
    with pytest.raises(tkb.NotFoundError):
        kb.history("nobody")


# --- answers --------------------------------------------------------------------------------------


def test_an_answer_as_of_then_still_sees_the_status_of_then(
    open_kb: Open, clock: Callable[[], datetime]
) -> None:
    kb = open_kb()
    kb.ingest(trials())
    then = clock() + timedelta(seconds=1)
    clock.now = then + timedelta(days=1)
    kb.reject(["0:5", "1:5"], reason="x")
    kb.archive("2:5")
    assert kb.recommend("s", regime=MARKET, as_of=then).after_strict == 8
    assert counted(kb) == kb.recommend("s", regime=MARKET, as_of=clock()).after_strict == 5


@pytest.mark.parametrize("fast", [5, 20])
def test_a_promoted_trial_wins_ties(open_kb: Open, fast: int) -> None:
    kb = open_kb()
    names = [f"{w}:{f}" for w in range(6) for f in (5, 20)]
    kb.ingest(trials(6, scores=dict.fromkeys(names, 1.0)))
    kb.promote([name for name in names if name.endswith(f":{fast}")])
    rec = kb.recommend("s")
    assert rec.params == {"fast": fast}
    assert set(rec.trials.head(6)["kb_status"]) == {"promoted"}
    assert rec.tie_break_counts["status"] > 0


def test_a_rejected_trial_is_out_of_every_answer_when_the_call_returns(
    kb: tkb.KnowledgeBase, open_kb: Open
) -> None:
    neighbour = open_kb()
    assert counted(kb) == counted(neighbour) == 8
    kb.reject(["0:20", "1:20"], reason="x")
    for one in (kb, neighbour):
        assert counted(one) == 6
        assert not nominated(one) & {"0:20", "1:20"}
        assert one.recommend("s").windows_used <= 4
    assert not pointed(kb) & {"0:20", "1:20"}


def test_a_rejected_trial_is_no_evidence(kb: tkb.KnowledgeBase) -> None:
    kb.reject(kb.trials().filter(pl.col("source_id").str.ends_with(":20")), reason="x")
    rec = kb.recommend("s")
    assert rec.params == {"fast": 5}
    assert set(rec.evidence["source_id"] if "source_id" in rec.evidence.columns else []) <= {
        f"{w}:5" for w in range(4)
    }


def test_an_archived_trial_nominates_nothing_and_still_counts_as_evidence(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.archive(["0:5", "0:20"])
    assert not nominated(kb) & {"0:5", "0:20"}
    assert kb.recommend("s", regime=MARKET).windows_used == 4
    assert set(statuses(kb).values()) == {"candidate"}
    assert "0:5" not in pointed(kb)


def test_an_archived_trial_comes_back_with_its_next_ingest_and_not_with_another(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.archive("0:5")
    other = trials(5).filter(pl.col("source_id").str.starts_with("4:"))
    assert kb.ingest(other).unarchived == 0
    assert "0:5" not in pointed(kb)
    report = kb.ingest(trials())
    assert (report.unarchived, report.skipped) == (1, 7)
    assert "0:5" in pointed(kb)
    assert entries(kb)["0:5"]["reason"] is None


def test_a_new_regime_of_its_window_does_not_bring_an_archived_trial_back(
    kb: tkb.KnowledgeBase,
) -> None:
    kb.archive("0:5")
    moved = trials(1, fasts=(20,)).with_columns(
        regime_is=pl.lit(regime(0.9)), regime_oos=pl.lit(regime(0.9))
    )
    kb.ingest(moved)
    assert entries(kb)["0:5"]["archived_at"] is not None
    assert "0:5" not in pointed(kb)
    assert kb.reconcile().clean


# --- a vector index that fails --------------------------------------------------------------------


def test_a_rejection_holds_when_the_vector_index_fails_and_the_next_ingest_heals(
    kb: tkb.KnowledgeBase, caplog: pytest.LogCaptureFixture
) -> None:
    index = flaky(kb)
    index.down = True
    with caplog.at_level(logging.INFO, "tradingkb"):
        report = kb.reject("0:20", reason="look-ahead")
    assert (report.changed, report.points_pending) == (1, 1)
    assert "could not be deleted" in str(report)
    assert counted(kb) == 7
    assert "0:20" not in nominated(kb)
    ((_, reason, archived_at),) = failed_deletes(kb)
    assert reason == "rejected: look-ahead | qdrant_delete_failed: the vector index is away"
    assert archived_at is not None
    (event,) = events(caplog, "kb_archive_qdrant_failed")
    assert uuid.UUID(event["correlation_id"])
    assert event["point_id"] == entries(kb)["0:20"]["point_id"]
    assert event["error"] == "the vector index is away"
    assert "0:20" in pointed(kb)

    index.down = False
    kb.ingest(trials(5).filter(pl.col("source_id") == "4:5"))
    assert failed_deletes(kb) == []
    assert "0:20" not in pointed(kb)
    assert entries(kb)["0:20"]["reason"] == "rejected: look-ahead"


def test_a_reason_that_quotes_the_mark_is_not_taken_for_it(kb: tkb.KnowledgeBase) -> None:
    kb.reject("0:20", reason="after a qdrant_delete_failed night")
    assert kb.use_cases.store.pending_deletes(kb.workspaces()["id"][0]).is_empty()
    assert kb.reconcile().clean


def test_a_trial_that_is_restored_is_indexed_again(kb: tkb.KnowledgeBase) -> None:
    kb.reject("0:20", reason="x")
    report = kb.promote("0:20", reason="the data were right")
    assert (report.changed, report.index_pending, report.points_pending) == (1, 0, 0)
    assert {"0:20"} <= pointed(kb)
    assert "0:20" in nominated(kb)
    assert kb.reconcile().clean


def test_a_restored_trial_whose_ingest_comes_first_is_reported_as_unarchived(
    kb: tkb.KnowledgeBase,
) -> None:
    index = flaky(kb)
    kb.reject("0:20", reason="x")
    index.down = True
    report = kb.promote("0:20", reason="y")
    assert report.index_pending == 1
    assert "the next ingest does it" in str(report)
    index.down = False
    assert kb.ingest(trials()).counts() == {
        "inserted": 0,
        "updated": 0,
        "skipped": 7,
        "unarchived": 1,
        "error": 0,
    }
    assert "0:20" in pointed(kb)
    assert kb.reconcile().clean


def test_a_restored_trial_is_healed_by_an_ingest_of_anything(kb: tkb.KnowledgeBase) -> None:
    index = flaky(kb)
    kb.reject("0:20", reason="x")
    index.down = True
    kb.promote("0:20", reason="y")
    index.down = False
    report = kb.ingest(trials(5).filter(pl.col("source_id") == "4:5"))
    assert (report.inserted, report.unarchived) == (1, 1)
    assert "0:20" in pointed(kb)


def test_a_trial_that_is_rejected_while_it_is_embedded_is_not_indexed(
    kb: tkb.KnowledgeBase, open_kb: Open
) -> None:
    admin = open_kb()
    index = kb.use_cases.indexer.vectors
    written = index.upsert

    def meanwhile(name: str, points: Any) -> None:
        written(name, points)
        admin.reject("4:5", reason="in between")

    index.upsert = meanwhile  # type: ignore[method-assign]
    kb.ingest(trials(5))
    assert statuses(kb)["4:5"] == "rejected"
    assert "4:5" not in pointed(kb)
    assert failed_deletes(kb) == []
    assert kb.reconcile().clean


def test_a_trial_that_is_promoted_while_it_is_embedded_is_indexed_as_promoted(
    kb: tkb.KnowledgeBase, open_kb: Open
) -> None:
    admin = open_kb()
    index = kb.use_cases.indexer.vectors
    written = index.upsert

    def meanwhile(name: str, points: Any) -> None:
        index.upsert = written  # type: ignore[method-assign]
        written(name, points)
        admin.promote("4:5")

    index.upsert = meanwhile  # type: ignore[method-assign]
    kb.ingest(trials(5))
    kb.ingest(trials(6).filter(pl.col("source_id") == "5:5"))
    assert kb.reconcile().clean


def test_a_trial_that_changes_while_its_old_row_is_embedded_is_embedded_again(
    kb: tkb.KnowledgeBase, open_kb: Open
) -> None:
    """A lease can be lost: two ingests of one workspace may then write at once."""
    neighbour = open_kb()
    index = kb.use_cases.indexer.vectors
    written = index.upsert
    changed = trials(5, scores={"4:5": 9.0}).with_columns(
        max_drawdown_frac_oos=pl.when(pl.col("source_id") == "4:5").then(0.2).otherwise(0.1)
    )

    def meanwhile(name: str, points: Any) -> None:
        index.upsert = written  # type: ignore[method-assign]
        sql(neighbour, "DELETE FROM leases")
        neighbour.ingest(changed)
        written(name, points)

    index.upsert = meanwhile  # type: ignore[method-assign]
    kb.ingest(trials(5))
    kb.ingest(trials(6).filter(pl.col("source_id") == "5:5"))
    assert kb.trials(source_id="4:5")["sharpe_oos"].item() == 9.0
    assert kb.reconcile().clean
