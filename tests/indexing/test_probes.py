"""What models are compared on: a sample of the stored windows, drawn by their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.indexing.markets import Knowing, Random, Shuffled, scaler_of, window_list
from tradingkb.domain import FEATURES, Regime, regime_from_json, regime_to_json
from tradingkb.embedding.cosine import CosineRegimeEmbedder
from tradingkb.embedding.regime_embedder import RegimeEmbedder
from tradingkb.indexing.neighbours import NOWHERE
from tradingkb.indexing.probes import Sample, draw, neighbour_quality, similarities
from tradingkb.ports import Floats32, WindowDocument

ROWS = window_list(60)
SCALER = scaler_of(ROWS)
RAW = ROWS[0]


def sample(rows: Sequence[dict[str, Any]] = ROWS, **limits: int) -> Sample:
    return draw(pl.DataFrame(rows, schema=pl.DataFrame(ROWS).schema), SCALER, **limits)


def keys(found: Sample) -> list[str]:
    return found.windows["window_key"].to_list()


def names(found: Sample) -> list[tuple[str, str]]:
    return [(keys(found)[p.window], p.side) for p in found.probes]


# --- what is drawn --------------------------------------------------------------------------------


def test_of_few_windows_all_are_taken_and_both_sides_are_asked() -> None:
    found = sample(probes=200)
    assert sorted(keys(found)) == sorted(row["window_key"] for row in ROWS)
    assert len(set(names(found))) == len(found.probes) == 120


def test_of_many_no_more_than_the_limits() -> None:
    found = sample(windows=30, probes=25)
    assert (len(found.documents), len(found.probes), found.n_stored) == (30, 25, 60)
    assert {key for key, _ in names(found)} <= set(keys(found))


@given(st.permutations(ROWS))
@settings(max_examples=20)
def test_the_order_in_which_windows_are_stored_changes_nothing(rows: list[dict[str, Any]]) -> None:
    one, other = sample(windows=30, probes=25), sample(rows, windows=30, probes=25)
    assert (keys(one), names(one)) == (keys(other), names(other))
    np.testing.assert_array_equal(one.asked.distance, other.asked.distance)


def test_a_window_that_comes_in_later_drives_out_one_at_most() -> None:
    before, after = set(keys(sample(ROWS[:-1], windows=30))), set(keys(sample(windows=30)))
    assert len(before - after) <= 1


def test_a_side_that_was_not_measured_is_not_asked_and_is_compared_as_the_other_one() -> None:
    one_sided = [{**row, "regime_oos": None} for row in ROWS]
    found = sample(one_sided, probes=200)
    assert {side for _, side in names(found)} == {"before"}
    both = sample([{**row, "regime_oos": row["regime_is"]} for row in ROWS], probes=200)
    of_before = [row for row, (_, side) in enumerate(names(both)) if side == "before"]
    np.testing.assert_array_equal(found.asked.distance, both.asked.distance[of_before])


@pytest.mark.parametrize("empty", [None, regime_to_json(Regime(features={}))])
def test_windows_without_a_regime_are_not_there(empty: str | None) -> None:
    bare = [{**row, "regime_is": empty, "regime_oos": empty} for row in ROWS[:40]]
    assert sorted(keys(sample([*bare, *ROWS[40:]]))) == sorted(r["window_key"] for r in ROWS[40:])


def test_without_a_scaler_no_regime_was_ever_measured_and_nothing_is_asked() -> None:
    found = draw(pl.DataFrame(ROWS), None)
    assert (found.documents, found.probes, found.n_stored, found.enough) == ((), (), 0, False)


def test_windows_of_no_known_symbol_or_date_are_one_group() -> None:
    lost = [{**row, "symbol": None, "is_start": None, "oos_start": None} for row in ROWS[:30]]
    groups = sample([*lost, *ROWS[30:]]).asked.groups
    for codes in groups.values():
        assert max(np.bincount(codes)) >= 30


def test_groups_are_symbols_and_the_quarters_of_scored_parts() -> None:
    groups = sample().asked.groups
    assert len(set(groups["symbol"])) == 6
    assert len(set(groups["quarter"])) == 60


# --- how good embedders are -----------------------------------------------------------------------


def test_the_built_in_embedder_finds_what_exact_search_finds() -> None:
    assert neighbour_quality(RegimeEmbedder(SCALER), sample()).loss == pytest.approx(0, abs=1e-6)


def test_the_other_built_in_embedder_loses_little() -> None:
    found = neighbour_quality(CosineRegimeEmbedder(SCALER), sample())
    assert found.loss is not None and found.high is not None
    assert 0 < found.loss < found.high < 0.6


@pytest.mark.parametrize("embedder", [Random(SCALER), Shuffled(SCALER)])
def test_an_embedder_to_which_markets_mean_nothing_is_as_good_as_chance(
    embedder: RegimeEmbedder,
) -> None:
    found = neighbour_quality(embedder, sample())
    assert found.low is not None and found.high is not None
    assert found.low < 1 < found.high
    assert found.as_chance


def test_an_embedder_that_knows_one_feature_lies_between_and_more_make_it_better() -> None:
    few, many = (Knowing(SCALER, *FEATURES[:n]) for n in (1, 8))
    losses = [neighbour_quality(e, sample()).loss for e in (RegimeEmbedder(SCALER), many, few)]
    assert losses == sorted(losses)  # type: ignore[type-var]
    assert losses[2] is not None and losses[2] < 0.95


class Halting(RegimeEmbedder):
    """Embeds some windows at a time, and keeps how many."""

    batch = 7

    def __init__(self) -> None:
        super().__init__(SCALER)
        self.calls: list[int] = []

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        self.calls.append(len(documents))
        return super().embed_documents(documents)


def test_windows_are_embedded_in_batches_of_the_embedders_size_and_each_once() -> None:
    halting = Halting()
    told: list[tuple[int, int]] = []
    found = similarities(halting, sample(), lambda _, done, total: told.append((done, total)))
    assert halting.calls == [7] * 8 + [4]
    assert told == [(n, 160) for n in [*range(7, 60, 7), *range(60, 161)]]
    np.testing.assert_array_equal(found, similarities(RegimeEmbedder(SCALER), sample()))


def test_a_window_of_which_nothing_is_embedded_cannot_be_found() -> None:
    class Blind(RegimeEmbedder):
        def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
            vectors = super().embed_documents(documents)
            vectors[0] = 0.0
            vectors[1] = np.nan
            return vectors

    found = similarities(Blind(SCALER), sample())
    assert (found[:, :2] == NOWHERE).all()
    assert (found[:, 2:] > NOWHERE).all()


def test_where_nothing_can_be_told_nothing_is_embedded() -> None:
    halting = Halting()
    assert not neighbour_quality(halting, sample(ROWS[:19])).decided
    assert halting.calls == []


def test_stored_regimes_are_asked_as_they_are() -> None:
    found = sample(probes=200)
    asked = {name: probe.regime for name, probe in zip(names(found), found.probes, strict=True)}
    assert regime_to_json(asked[RAW["window_key"], "before"]) == RAW["regime_is"]
    assert asked[RAW["window_key"], "during"] == regime_from_json(RAW["regime_oos"])
