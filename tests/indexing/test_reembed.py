"""A re-embedding writes every eligible trial anew, and goes on where an earlier one was killed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.indexing.in_memory import COLLECTION, TARGET, House, trial
from tradingkb.exceptions import ConfigurationError
from tradingkb.indexing import Reembedder, ReembedReport, indexer
from tradingkb.jobs import Leases

NEW = "kb_new"


class Killed(BaseException):
    """Stands for whatever ends a process."""


@pytest.fixture
def house() -> House:
    house = House(*(trial(n) for n in range(1, 5)), trial(5, kb_status="rejected"))
    house.reindex(1, 2, 3, 4)
    return house


def reembed(
    house: House, collection: str = NEW, *, restart: bool = False, progress: Any = None
) -> ReembedReport:
    leases = Leases(house.store, clock=house.clock, new_id=house.indexer.new_id)
    target = replace(TARGET, collection=collection)
    told = progress or (lambda *_: None)
    return Reembedder(house.store, house.indexer, leases).run(
        target, restart=restart, progress=told
    )


def kill(*_: object) -> None:
    raise Killed


def killed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills a re-embedding after its first batch of two trials."""
    monkeypatch.setattr(indexer, "BATCH", 2)
    with pytest.raises(Killed):
        reembed(house, progress=kill)
    assert house.held(NEW) == {1, 2}


def statuses(house: House) -> list[str]:
    return [run.status for run in house.store.runs_by_id.values()]


def test_every_eligible_trial_is_embedded_whatever_its_hash_says(house: House) -> None:
    report = reembed(house, COLLECTION)
    assert (report.embedded, report.points, report.resumed) == (4, 4, False)
    assert house.embedder.embedded == 8
    assert statuses(house) == ["completed"]


def test_another_collection_leaves_the_one_in_force_as_it_is(house: House) -> None:
    before = {key: dict(entry) for key, entry in house.store.entries.items()}
    reembed(house)
    assert house.held(NEW) == house.held(COLLECTION) == {1, 2, 3, 4}
    assert {key: house.store.entries[key] for key in before} == before


def test_what_was_killed_goes_on_under_its_id_with_what_is_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(house, monkeypatch)
    (first,) = house.store.runs_by_id
    report = reembed(house)
    assert (report.run_id, report.resumed, report.embedded, report.points) == (first, True, 2, 4)
    assert report.summary().startswith("resumed: 2 trials of workspace default embedded by m")
    assert statuses(house) == ["completed"]


def test_a_failure_is_recorded_and_what_happened_is_raised(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(house, monkeypatch)
    (run,) = house.store.runs_by_id.values()
    assert (run.status, run.error, run.kind, run.collection) == (
        "failed",
        "Killed()",
        "reembed",
        NEW,
    )


def test_a_record_that_cannot_be_written_does_not_hide_what_happened(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = house.store.save_run

    def only_running(run: Any) -> None:
        if run.status != "running":
            raise RuntimeError("disk full")
        save(run)

    monkeypatch.setattr(house.store, "save_run", only_running)
    killed(house, monkeypatch)


@pytest.mark.parametrize("why", ["restart", "other pipeline", "completed", "other collection"])
def test_nothing_is_resumed_that_was_not_interrupted_at_the_same_work(
    house: House, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "completed":
        reembed(house)
    else:
        killed(house, monkeypatch)
    if why == "other pipeline":
        house.embedder.pipeline = "m/2"
    name = "kb_third" if why == "other collection" else NEW
    report = reembed(house, name, restart=why == "restart")
    assert (report.resumed, report.embedded, report.points) == (False, 4, 4)
    assert len(house.store.runs_by_id) == 2


def test_a_collection_of_another_dimension_is_refused_before_a_run_begins(house: House) -> None:
    house.index.ensure_collection(NEW, 7)
    with pytest.raises(ConfigurationError):
        reembed(house)
    assert house.store.runs_by_id == {}


def test_points_that_an_earlier_deletion_left_behind_go_first(house: House) -> None:
    entry = house.store.entries[4, COLLECTION]
    house.store.trials[4]["kb_status"] = "rejected"
    entry.update(archived_at=house.clock(), pending=True)
    reembed(house, COLLECTION)
    assert house.held() == {1, 2, 3}
    assert not entry["pending"]
