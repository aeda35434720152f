"""What an ingest reads before it begins: what concerns its trials, or everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest

from tests.ingest.scopes import CALM, SPACE, batch, incoming, known, stored, taken_back
from tradingkb.domain import FEATURES, IndexTarget, RegimeScaler
from tradingkb.ingest.before import Before, read_before

TARGET = IndexTarget(SPACE, "m", "c")
ONES = (1.0,) * len(FEATURES)
EVERYTHING = "everything"


class Shelves:
    """A store of some trials on two windows, that remembers what was asked of it."""

    def __init__(self, trials: int, *, windows_with_regimes: int = 0, fitted_on: int | None = None):
        names = [f"t{n}" for n in range(1, trials + 1)]
        self.trials = known(*names) if names else known()
        self.with_regimes = windows_with_regimes
        self.known_scaler = RegimeScaler(1, ONES, ONES, fitted_on) if fitted_on else None
        self.asked: dict[str, Any] = {}
        self.transactions = 0
        self.inside = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        self.transactions += 1
        self.inside = True
        yield
        self.inside = False

    def _note(self, what: str, among: pl.Series | pl.DataFrame | None) -> None:
        assert self.inside
        self.asked[what] = EVERYTHING if among is None else len(among)

    def count_trials(self, space: str, at_most: int) -> int:
        return min(self.trials.height, at_most)

    def identities(self, space: str, among: pl.DataFrame | None = None) -> pl.DataFrame:
        self._note("identities", among)
        keys = ["source_type", "source_id"]
        return self.trials if among is None else self.trials.join(among, on=keys, how="semi")

    def scaler(self, space: str) -> RegimeScaler | None:
        return self.known_scaler

    def regimes_reach(self, space: str, n: int) -> bool:
        return self.with_regimes >= n

    def window_rows(self, space: str, *, keys: pl.Series | None = None) -> pl.DataFrame:
        self._note("windows", keys)
        frame = stored(("w1", None, None), ("w2", None, None))
        return frame if keys is None else frame.filter(pl.col("window_key").is_in(keys.implode()))

    def param_set_rows(self, space: str, name: None, among: pl.DataFrame) -> pl.DataFrame:
        self._note("sets", among)
        return among.with_row_index("param_set_id").clear()

    def taken_back(self, space: str, ids: pl.Series | None) -> pl.DataFrame:
        self._note("taken back", ids)
        return taken_back((1, "old"))

    def index_rows(self, space: str, collection: str, ids: pl.Series | None) -> pl.DataFrame:
        self._note("index", ids)
        return pl.DataFrame({"trial_id": [1, 999], "content_hash": ["a", "b"]})

    def pending_deletes(self, space: str) -> pl.DataFrame:
        return pl.DataFrame({"trial_id": [3]})


class Indexes:
    """What `read_before` names of an indexer."""

    def embedders(self, model: str, scaler: RegimeScaler | None) -> Any:
        return type("Embedder", (), {"dimension": 64})


class Watch:
    """Notes how it was asked."""

    def __init__(self) -> None:
        self.always: bool | None = None

    def lost_trials(self, target: IndexTarget, dimension: int, *, always: bool) -> pl.Series:
        assert dimension == 64
        self.always = always
        return pl.Series([2])


def read(
    store: Any, trials: pl.DataFrame | None, *, measuring: bool = False
) -> tuple[Before, Watch]:
    watch: Any = Watch()
    source = None if trials is None else batch(trials)
    indexer: Any = Indexes()
    return read_before(store, indexer, watch, TARGET, source, measuring=measuring), watch


@pytest.mark.parametrize(("n", "few"), [(0, False), (4, False), (5, True), (400, True)])
def test_of_many_stored_trials_only_those_of_a_small_source_are_looked_up(
    n: int, few: bool
) -> None:
    store = Shelves(n)
    found, watch = read(store, incoming("t1"))
    assert store.asked["identities"] == (1 if few else EVERYTHING)
    assert store.asked["taken back"] == (1 if few else EVERYTHING)
    assert watch.always is not few
    assert found.known.height == (1 if few else n)


def test_all_of_it_is_read_in_one_transaction() -> None:
    store = Shelves(10)
    found, _ = read(store, incoming("t1"))
    assert store.transactions == 1
    assert found.lost.to_list() == [2]
    assert found.pending["trial_id"].to_list() == [3]
    assert found.taken_back.rows() == [(1, "old")]


def test_without_a_source_everything_is_read() -> None:
    store = Shelves(400)
    found, watch = read(store, None)
    assert store.asked == dict.fromkeys(store.asked, EVERYTHING)
    assert (found.all_windows, watch.always) == (True, True)


@pytest.mark.parametrize(
    ("regime", "measuring", "fitted_on", "with_regimes", "everything"),
    [
        (None, False, None, 0, False),  # no regime anywhere: no scaler to fit
        (None, False, None, 1, True),  # the stored ones have never been fitted
        (CALM, False, None, 0, True),  # the first regime
        (None, True, None, 0, True),  # prices may bring the first
        (CALM, False, 2, 2, False),  # three windows are no four
        (CALM, False, 2, 3, True),  # the fourth doubles two
        (None, False, 2, 3, False),
        (None, False, 2, 4, True),
    ],
)
def test_all_windows_are_read_when_a_scaler_may_have_to_be_fitted(
    regime: str | None,
    measuring: bool,
    fitted_on: int | None,
    with_regimes: int,
    everything: bool,
) -> None:
    store = Shelves(10, windows_with_regimes=with_regimes, fitted_on=fitted_on)
    found, _ = read(store, incoming("t1", regime_is=regime), measuring=measuring)
    assert found.all_windows is everything
    assert found.windows["window_key"].to_list() == (["w1", "w2"] if everything else ["w1"])


def test_entries_come_with_the_identity_of_their_trials_and_others_are_left_out() -> None:
    found, _ = read(Shelves(10), incoming("t1"))
    assert found.index.select("trial_id", "source_type", "source_id").rows() == [
        (1, "import", "t1")
    ]
