"""A workspace is switched only to a collection that can answer, and back again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.indexing.in_memory import COLLECTION, TARGET, House, point_of, trial
from tradingkb.exceptions import ConfigurationError
from tradingkb.indexing import ActivationReport, activate

NEW = "kb_new"
AFTER = replace(TARGET, collection=NEW)


@pytest.fixture
def house() -> House:
    """Three trials in the collection in force, two of them in the new one."""
    house = House(trial(1), trial(2), trial(3))
    house.reindex(1, 2, 3)
    house.reindex(1, 2, collection=NEW)
    return house


def switch(house: House, **more: Any) -> ActivationReport:
    facts = {"before": TARGET, "after": AFTER, "stored": ("m", NEW), "force": False, **more}
    return activate(house.store, house.indexer, facts.pop("before"), facts.pop("after"), **facts)


def test_a_collection_that_lacks_trials_is_refused_and_nothing_changes(house: House) -> None:
    with pytest.raises(ConfigurationError, match=r"1 trials are not in collection 'kb_new'") as no:
        switch(house)
    assert "kb.reembed('default', 'm', 'kb_new')" in str(no.value)
    assert house.store.active is None


def test_with_force_the_report_says_what_is_missing(house: House) -> None:
    report = switch(house, force=True)
    assert (report.points, report.missing) == (2, 1)
    assert report.details() == [
        "1 trials are not in it yet: run an ingest",
        "the way back: activate m with kb_regime_v1_v1",
    ]
    assert house.store.active == ("m", NEW)


def test_a_collection_that_holds_every_trial_comes_into_force(house: House) -> None:
    house.reindex(3, collection=NEW)
    report = switch(house)
    assert report.summary() == "workspace default searches kb_new (m, 2 dimensions, 3 points)"
    assert report.details() == ["the way back: activate m with kb_regime_v1_v1"]
    assert (report.previous_model, report.previous_collection) == ("m", COLLECTION)


def test_a_lost_point_is_missing_and_counted_once(house: House) -> None:
    house.reindex(3, collection=NEW)
    house.index.delete(NEW, [point_of(1)])
    house.store.mark_unfinished("space", house.store.identities("space")["trial_id"][:1], NEW)
    with pytest.raises(ConfigurationError, match=r"^1 trials"):
        switch(house)


def test_rejected_and_withdrawn_trials_are_not_missed(house: House) -> None:
    house.store.trials[3]["withdrawn"] = True
    assert switch(house).missing == 0


def test_a_collection_that_does_not_exist_is_refused_even_with_force(house: House) -> None:
    with pytest.raises(ConfigurationError, match="'nowhere' does not exist: re-embed into it"):
        switch(house, after=replace(TARGET, collection="nowhere"), force=True)


def test_a_collection_of_another_dimension_is_refused_even_with_force(house: House) -> None:
    house.index.dimensions[NEW] = 5
    with pytest.raises(ConfigurationError, match="'kb_new' has dimension 5, 'm' makes 2"):
        switch(house, force=True)
    assert house.store.active is None


def test_the_way_back_is_open(house: House) -> None:
    switch(house, force=True)
    report = switch(house, before=AFTER, after=TARGET, stored=(None, None))
    assert house.store.active == (None, None)
    assert (report.collection, report.previous_collection) == (COLLECTION, NEW)
    assert (report.points, report.missing) == (3, 0)
