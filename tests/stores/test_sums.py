"""Sums of events: what one event adds, and that they are right after whatever happened."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tradingkb.sql import open_engine, writing
from tradingkb.stores import SqlTrialStore, schema
from tradingkb.stores.sums import EVENT_KEY, EVENT_SUMS, REJECTION_KEY, REJECTION_SUMS, sums_of
from tradingkb.testing.stored import (
    NOON,
    OTHER_WORKSPACE,
    WORKSPACE,
    event,
    rejection,
    workspace,
)

LATE = datetime(2024, 3, 31, 14, 59, 59, 999999, timezone(timedelta(hours=2)))


def named(row: tuple[Any, ...], names: tuple[str, ...]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, {"count": 1, "low_count": 0, "repaired_params": 0, "seconds": 0.0085}),
        ({"reasons": ["few_windows", "few_candidates"]}, {"low_count": 1}),
        ({"warnings": ["few_candidates"]}, {"low_count": 1}),
        ({"reasons": {"few_windows": 1}, "warnings": [["few_windows"], 3]}, {"low_count": 0}),
        ({"repaired_params": {"fast": "3"}}, {"repaired_params": 1}),
        ({"timings": {"total_ms": 30}}, {"le_10_ms": 0, "le_30_ms": 1, "le_3000_ms": 1}),
        ({"timings": {"total_ms": 30.001}}, {"le_30_ms": 0, "le_100_ms": 1}),
        ({"timings": {}}, {"seconds": 0.0, "le_10_ms": 1}),
        ({"timings": {"total_ms": None}}, {"seconds": 0.0}),
        ({"source": "probe"}, {"count": 1, "source": "probe"}),
        ({"at": LATE}, {"hour": datetime(2024, 3, 31, 12, tzinfo=UTC)}),
    ],
)
def test_an_event_adds_what_it_says(changes: dict[str, Any], said: dict[str, Any]) -> None:
    (row,), _ = sums_of([event(**changes)])
    found = named(row, EVENT_KEY + EVENT_SUMS)
    assert {name: found[name] for name in said} == said


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, [("min_trades", 1, 1, 1, 3, 1, 0)]),
        ({"source": "probe"}, []),
        ({"filter_rejections": [rejection("a")]}, [("a", 1, 0, 0, 0, 0, 0)]),
        ({"filter_rejections": None}, []),
        ({"filter_rejections": ["a", {"fails": 3}, {"filter": 3}]}, []),
        ({"filter_rejections": [{"filter": "a"}]}, [("a", 1, 0, 0, 0, 0, 0)]),
    ],
)
def test_an_event_adds_a_row_for_each_filter_in_force(
    changes: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    _, found = sums_of([event(**changes)])
    assert [row[len(REJECTION_KEY) - 1 :] for row in found] == rows


@pytest.mark.parametrize(
    ("status", "sufficient", "saved"),
    [("none", True, 1), ("degraded", True, 1), ("ok", True, 0), ("none", False, 0)],
)
def test_a_relaxation_saves_what_was_not_ok_and_would_have_been_enough(
    status: str, sufficient: bool, saved: int
) -> None:
    told = [{"filter": "min_trades", "sufficient": sufficient}, {"filter": "other"}]
    _, (row,) = sums_of([event(status=status, relaxations=told)])
    assert named(row, REJECTION_KEY + REJECTION_SUMS)["saved"] == saved


def test_rows_come_in_the_order_of_their_keys_whatever_the_order_of_events() -> None:
    events = [event(source=s, strategy_name=n) for s in "cab" for n in "zx"]
    answers, rejected = sums_of(events)
    assert (answers, rejected) == sums_of(reversed(events))
    assert [row[: len(EVENT_KEY)] for row in answers] == sorted(
        row[: len(EVENT_KEY)] for row in answers
    )
    assert len(rejected) == 2


EVENTS = st.fixed_dictionaries(
    {
        "at": st.integers(0, 8).map(lambda n: NOON + timedelta(minutes=25 * n)),
        "workspace_id": st.sampled_from([WORKSPACE, OTHER_WORKSPACE]),
        "strategy_name": st.sampled_from(["a", "b"]),
        "objective_type": st.sampled_from(["sharpe", "calmar"]),
        "status": st.sampled_from(["ok", "degraded", "none"]),
        "source": st.sampled_from(["cli", "probe"]),
        "replica": st.sampled_from(["one", "two"]),
        "strict_to_relaxed": st.booleans(),
        "metadata_only": st.booleans(),
        "repaired_params": st.sampled_from([{}, {"fast": "3"}]),
        "reasons": st.sampled_from([[], ["few_windows"]]),
        "timings": st.integers(0, 4000).map(lambda n: {"total_ms": float(n)}),
        "filter_rejections": st.lists(
            st.builds(
                rejection,
                st.sampled_from(["min_trades", "max_drawdown"]),
                fails=st.integers(0, 9),
                fails_only=st.integers(0, 2),
            ),
            max_size=2,
            unique_by=lambda r: r["filter"],
        ),
        "relaxations": st.sampled_from([[], [{"filter": "min_trades", "sufficient": True}]]),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("save"), st.lists(EVENTS, max_size=5)),
        st.tuples(st.just("unsummed"), st.lists(EVENTS, max_size=2)),
        st.tuples(st.just("prune"), st.integers(1, 8)),
        st.tuples(st.just("rebuild"), st.none()),
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def summed(
    sqlite_schema: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqlTrialStore]:
    """A store whose tables each example empties."""
    path = tmp_path_factory.mktemp("sums") / "kb.db"
    shutil.copy(sqlite_schema, path)
    store = SqlTrialStore(open_engine(f"sqlite:///{path}"))
    for slug, space in (("desk", WORKSPACE), ("alpha", OTHER_WORKSPACE)):
        store.create_workspace(workspace(slug, space))
    yield store
    store.close()


def stored_sums(store: SqlTrialStore) -> list[list[tuple[Any, ...]]]:
    tables = schema.event_rollups, schema.rejection_rollups
    with store.engine.connect() as connection:
        return [sorted(tuple(r) for r in connection.execute(t.select())) for t in tables]


def rounded(tables: Any) -> list[list[tuple[Any, ...]]]:
    return [
        [tuple(round(v, 9) if isinstance(v, float) else v for v in row) for row in table]
        for table in tables
    ]


ONE = {
    "at": NOON,
    "workspace_id": WORKSPACE,
    "strategy_name": "a",
    "objective_type": "sharpe",
    "status": "ok",
    "source": "cli",
    "replica": "one",
    "strict_to_relaxed": False,
    "metadata_only": False,
    "repaired_params": {},
    "reasons": [],
    "timings": {"total_ms": 0.0},
    "filter_rejections": [],
    "relaxations": [],
}
LATER = {**ONE, "at": NOON + timedelta(minutes=25)}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
@example(steps=[("unsummed", [LATER]), ("save", [ONE]), ("prune", 1), ("prune", 2)])
def test_whatever_is_saved_and_pruned_the_sums_are_those_of_all_events_ever_saved(
    summed: SqlTrialStore, steps: list[tuple[str, Any]]
) -> None:
    """Events that an earlier release writes are missing until a rebuild, or until they go.

    No release writes events of hours that are old enough to have been pruned.
    """
    with writing(summed.engine) as connection:
        for table in (schema.recommend_events, schema.event_rollups, schema.rejection_rollups):
            connection.execute(table.delete())
    ever: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    pruned = NOON - timedelta(days=1)
    for step, given_ in steps:
        if step == "save":
            events = [event(**one) for one in given_]
            summed.save_events(events)
            ever += events
            kept += events
        elif step == "unsummed":
            events = [event(**one) for one in given_ if hour(one) > pruned]
            if not events:
                continue
            with writing(summed.engine) as connection:
                connection.execute(schema.recommend_events.insert(), events)
            waiting += events
            kept += events
        elif step == "prune":
            before = NOON + timedelta(minutes=25 * given_)
            summed.delete_events(summed.old_events(before))
            pruned = max(pruned, before)
            # An hour that begins to be pruned is made whole before, whoever wrote its events.
            touched = {(e["workspace_id"], hour(e)) for e in kept if e["at"] < before}
            kept = [e for e in kept if e["at"] >= before]
            ever += [e for e in waiting if (e["workspace_id"], hour(e)) in touched]
            waiting = [e for e in waiting if (e["workspace_id"], hour(e)) not in touched]
        elif step == "rebuild":
            for one in summed.event_hours(None).rows():
                summed.rebuild_hour(*one)
            ever, waiting = ever + waiting, []
        assert rounded(stored_sums(summed)) == rounded(sums_of(ever))


def hour(one: dict[str, Any]) -> datetime:
    moment: datetime = one["at"]
    return moment.replace(minute=0, second=0, microsecond=0)
