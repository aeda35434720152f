"""A workspace is switched only to a collection that can answer, and back again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.indexing.in_memory import COLLECTION, TARGET, House, point_of, trial
from tests.indexing.markets import Random, Shuffled, scaler_of, window_list
from tradingkb.embedding.regime_embedder import RegimeEmbedder
from tradingkb.exceptions import ConfigurationError
from tradingkb.indexing import ActivationReport, activate

NEW = "kb_new"
AFTER = replace(TARGET, collection=NEW)
FEW = "neighbours not judged: 0 windows with a regime are too few"


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
        FEW,
        "the way back: activate m with kb_regime_v1_v1",
    ]
    assert house.store.active == ("m", NEW)


def test_a_collection_that_holds_every_trial_comes_into_force(house: House) -> None:
    house.reindex(3, collection=NEW)
    report = switch(house)
    assert report.summary() == "workspace default searches kb_new (m, 2 dimensions, 3 points)"
    assert report.details() == [FEW, "the way back: activate m with kb_regime_v1_v1"]
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


# --- how good the neighbours are ------------------------------------------------------------------


def rotated(embedder: type[RegimeEmbedder], n: int = 40) -> House:
    """A trial on each of n windows, all of them in the collection of another model."""
    rows = window_list(n)
    house = House(*(trial(number) for number in range(1, n + 1)), windows=rows)
    house.store.scale = scaler_of(rows)
    house.embedder = embedder(house.store.scale)
    house.reindex(*range(1, n + 1), collection=NEW)
    return house


OTHER = {"after": replace(AFTER, model="other"), "stored": ("other", NEW)}


@pytest.mark.parametrize("embedder", [Random, Shuffled])
def test_a_model_that_finds_what_chance_finds_is_refused_with_its_loss_and_the_remedy(
    embedder: type[RegimeEmbedder],
) -> None:
    house = rotated(embedder)
    said = (
        r"^'other' is not known to find similar markets: neighbours lose [01]\.\d\d "
        r"\(-?\d\.\d\d to \d\.\d\d; .*\), which reaches 0\.9: keep 'm', or switch with force=True$"
    )
    with pytest.raises(ConfigurationError, match=said):
        switch(house, **OTHER)
    assert house.store.active is None


def test_with_force_it_comes_into_force_and_the_report_says_how_bad_it_is() -> None:
    house = rotated(Shuffled)
    report = switch(house, **OTHER, force=True)
    assert house.store.active == ("other", NEW)
    assert report.missing == 0
    assert report.quality.as_chance
    assert report.details()[0].endswith("; hardly better than chance")
    assert report.to_dict()["quality"]["high"] == report.quality.high


def test_a_model_that_finds_similar_markets_is_taken_and_the_report_says_how_good_it_is() -> None:
    report = switch(rotated(RegimeEmbedder), **OTHER)
    assert report.quality.loss == pytest.approx(0.0, abs=1e-6)
    assert report.details()[0].startswith("neighbours lose 0.00 (0.00 to 0.00; ")


def test_missing_trials_and_bad_neighbours_are_told_apart_and_both_are_told() -> None:
    house = rotated(Shuffled)
    house.index.delete(NEW, [point_of(1), point_of(2)])
    with pytest.raises(ConfigurationError) as no:
        switch(house, **OTHER)
    missing, chance = str(no.value).split("; 'other'")
    assert missing.startswith("2 trials are not in collection 'kb_new' as they are: re-embed")
    assert chance.startswith(" is not known to find similar markets")
    house = rotated(RegimeEmbedder)
    house.index.delete(NEW, [point_of(1)])
    with pytest.raises(ConfigurationError, match=r"^1 trials are not in collection [^']*'kb_new'"):
        switch(house, **OTHER)


def test_few_windows_decide_nothing_and_the_report_says_so() -> None:
    report = switch(rotated(Shuffled, 19), **OTHER)
    assert not report.quality.decided
    assert report.details()[0] == "neighbours not judged: 19 windows with a regime are too few"


def test_the_way_back_from_a_forced_model_is_open_without_force() -> None:
    house = rotated(Shuffled)
    house.reindex(*range(1, 41))
    switch(house, **OTHER, force=True)
    house.embedder = RegimeEmbedder(house.store.scale)
    house.reindex(*range(1, 41))
    report = switch(house, before=OTHER["after"], after=TARGET, stored=(None, None))
    assert (report.embed_model, report.missing, report.quality.as_chance) == ("m", 0, False)


def test_the_remedy_for_a_model_that_is_in_force_is_another_one() -> None:
    with pytest.raises(
        ConfigurationError, match=r"choose another model, or switch with force=True"
    ):
        switch(rotated(Shuffled))
