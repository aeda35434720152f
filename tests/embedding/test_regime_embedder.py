from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.regime import FEATURE_INFO, FEATURES, Regime
from tradingkb.domain.scaling import RegimeScaler, regime_similarity
from tradingkb.embedding.regime_embedder import DIMENSION, RegimeEmbedder
from tradingkb.ports import WindowDocument

N = len(FEATURES)
SCALER = RegimeScaler(
    version=4,
    center=tuple(
        math.log(max(i.low, 1e-3) * 5) if i.log_scaled else (i.low + i.high) / 2
        for i in FEATURE_INFO.values()
    ),
    width=tuple(1.0 if i.log_scaled else (i.high - i.low) / 8 for i in FEATURE_INFO.values()),
    n_windows=10,
)
EMBEDDER = RegimeEmbedder(SCALER)


def consistent(features: dict[str, float]) -> Regime:
    """By definition trend_strength is the size of trend_direction."""
    if "trend_direction" in features:
        features = {**features, "trend_strength": abs(features["trend_direction"])}
    return Regime(features)


def regimes(*, complete: bool = False) -> st.SearchStrategy[Regime]:
    bounded = {
        name: st.floats(info.low, info.high, allow_nan=False) for name, info in FEATURE_INFO.items()
    }
    required, optional = (bounded, {}) if complete else ({}, bounded)
    return st.fixed_dictionaries(required, optional=optional).map(consistent)


def similarity(query: Regime, before: Regime | None, during: Regime | None, side: str) -> float:
    document = EMBEDDER.embed_documents([WindowDocument(before, during)])[0]
    asked = EMBEDDER.embed_query(query, side)
    return float(document @ asked.vector) * asked.scale


def scaled(regime: Regime) -> np.ndarray:
    return SCALER.transform(regime.vector())


@given(regimes(), regimes())
def test_documents_with_a_regime_and_queries_are_unit_vectors(one: Regime, other: Regime) -> None:
    found = EMBEDDER.embed_documents([WindowDocument(one, other), WindowDocument(None, None)])
    assert found.shape == (2, DIMENSION)
    assert found.dtype == np.float32
    known = bool(one.features or other.features)
    assert float(np.linalg.norm(found[0])) == pytest.approx(float(known), abs=1e-5)
    assert not found[1].any()
    query = EMBEDDER.embed_query(one, "before").vector
    assert float(np.linalg.norm(query)) == pytest.approx(float(bool(one.features)), abs=1e-5)


@given(regimes().filter(lambda r: r.features))
def test_equal_regimes_have_similarity_one_however_few_features_are_known(regime: Regime) -> None:
    assert similarity(regime, regime, None, "before") == pytest.approx(1.0, abs=1e-5)
    assert similarity(regime, None, regime, "during") == pytest.approx(1.0, abs=1e-5)


@given(regimes(complete=True), regimes(complete=True))
def test_similarity_is_the_mean_cosine_of_the_differences_of_angles(
    one: Regime, other: Regime
) -> None:
    expected = np.cos((scaled(one) - scaled(other)) * math.pi / 6).mean()
    assert similarity(one, other, None, "before") == pytest.approx(expected, abs=1e-5)


@given(regimes().filter(lambda r: r.features), regimes().filter(lambda r: r.features))
def test_missing_features_give_the_same_number_as_without_an_index_and_never_more_than_one(
    query: Regime, window: Regime
) -> None:
    found = similarity(query, window, None, "before")
    exact = regime_similarity(scaled(query), scaled(window)[None, :])[0]
    assert found == pytest.approx(exact, abs=1e-5)
    assert abs(found) <= 1 + 1e-5


def test_a_measured_query_compares_with_before_and_a_stated_one_with_during() -> None:
    calm, wild = Regime({"atr_pct": 0.002, "rsi": 50.0}), Regime({"atr_pct": 0.2, "rsi": 90.0})
    assert similarity(calm, calm, wild, "before") == pytest.approx(1.0, abs=1e-5)
    assert similarity(calm, calm, wild, "during") < 0.9
    assert similarity(wild, calm, wild, "during") == pytest.approx(1.0, abs=1e-5)


def test_a_document_with_one_regime_has_it_in_both_halves() -> None:
    regime = Regime({"rsi": 70.0})
    one, both, empty = EMBEDDER.embed_documents(
        [
            WindowDocument(regime, None),
            WindowDocument(regime, regime),
            WindowDocument(Regime({}), regime),
        ]
    )
    assert one.tolist() == both.tolist() == empty.tolist()


def test_no_documents_are_no_vectors() -> None:
    assert EMBEDDER.embed_documents([]).shape == (0, DIMENSION)


@given(st.lists(regimes(), min_size=1, max_size=5))
def test_a_vector_does_not_depend_on_its_batch_and_is_the_same_every_time(
    found: list[Regime],
) -> None:
    documents = [WindowDocument(r, None) for r in found]
    together = EMBEDDER.embed_documents(documents)
    alone = [RegimeEmbedder(SCALER).embed_documents([d])[0] for d in documents]
    assert together.tobytes() == np.array(alone).tobytes()


def test_the_pipeline_names_the_scaler_that_every_vector_depends_on() -> None:
    assert EMBEDDER.pipeline == "regime-v1/payload-2/scaler-4"
