from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.regime import FEATURE_INFO, FEATURES, Regime
from tradingkb.domain.scaling import RegimeScaler
from tradingkb.embedding.cosine import DIMENSION, CosineRegimeEmbedder
from tradingkb.ports import WindowDocument

MIDDLE = {
    name: max(info.low, 1e-3) * 5 if info.log_scaled else (info.low + info.high) / 2
    for name, info in FEATURE_INFO.items()
}
SCALER = RegimeScaler(
    version=4,
    center=tuple(
        float(np.log(MIDDLE[n])) if i.log_scaled else MIDDLE[n] for n, i in FEATURE_INFO.items()
    ),
    width=tuple(1.0 if i.log_scaled else (i.high - i.low) / 8 for i in FEATURE_INFO.values()),
    n_windows=10,
)
EMBEDDER = CosineRegimeEmbedder(SCALER)


def scaled(regime: Regime) -> np.ndarray:
    """Deviations from the median market; what is not known does not deviate."""
    return np.nan_to_num(SCALER.transform(regime.vector()))


def consistent(features: dict[str, float]) -> Regime:
    """By definition trend_strength is the size of trend_direction."""
    if "trend_direction" in features:
        features = {**features, "trend_strength": abs(features["trend_direction"])}
    return Regime(features)


#: Regimes that deviate enough for float32 to know in which direction.
REGIMES = (
    st.fixed_dictionaries(
        {}, optional={n: st.floats(i.low, i.high) for n, i in FEATURE_INFO.items()}
    )
    .map(consistent)
    .filter(lambda r: np.linalg.norm(scaled(r)) > 1e-3)
)


def similarity(query: Regime, before: Regime | None, during: Regime | None, side: str) -> float:
    document = EMBEDDER.embed_documents([WindowDocument(before, during)])[0]
    asked = EMBEDDER.embed_query(query, side)
    return float(document @ asked.vector) * asked.scale


def cosine(one: Regime, other: Regime) -> float:
    a, b = scaled(one), scaled(other)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@given(REGIMES, REGIMES)
def test_documents_and_queries_are_unit_vectors_of_half_the_length(
    one: Regime, other: Regime
) -> None:
    found = EMBEDDER.embed_documents([WindowDocument(one, other), WindowDocument(None, None)])
    assert (found.shape, found.dtype) == ((2, DIMENSION), np.float32)
    assert DIMENSION == EMBEDDER.dimension == 2 * len(FEATURES) == 32
    assert float(np.linalg.norm(found[0])) == pytest.approx(1.0, abs=1e-5)
    assert not found[1].any()
    asked = EMBEDDER.embed_query(one, "before").vector
    assert float(np.linalg.norm(asked)) == pytest.approx(1.0, abs=1e-5)


@given(REGIMES, REGIMES, REGIMES)
def test_similarity_is_the_cosine_with_the_half_that_the_side_names(
    query: Regime, before: Regime, during: Regime
) -> None:
    for side, half in (("before", before), ("during", during)):
        assert similarity(query, before, during, side) == pytest.approx(
            cosine(query, half), abs=1e-5
        )


@given(REGIMES)
def test_equal_regimes_have_similarity_one_however_few_features_are_known(regime: Regime) -> None:
    assert similarity(regime, regime, None, "before") == pytest.approx(1.0, abs=1e-5)
    assert similarity(regime, None, regime, "during") == pytest.approx(1.0, abs=1e-5)


def test_how_far_a_market_deviates_does_not_matter_and_the_opposite_is_minus_one() -> None:
    low, high = FEATURE_INFO["rsi"].low, FEATURE_INFO["rsi"].high
    mild, strong = Regime({"rsi": high * 0.6}), Regime({"rsi": high})
    weak = Regime({"rsi": low})
    assert similarity(mild, strong, None, "before") == pytest.approx(1.0, abs=1e-6)
    assert similarity(mild, weak, None, "before") == pytest.approx(-1.0, abs=1e-6)


def test_a_feature_that_only_one_side_knows_counts_as_the_median_on_the_other() -> None:
    both = Regime({"rsi": 75.0, "volatility_annual": MIDDLE["volatility_annual"] * 2})
    one = Regime({"rsi": 75.0})
    middling = Regime({"rsi": 75.0, "volatility_annual": MIDDLE["volatility_annual"]})
    assert similarity(one, both, None, "before") == pytest.approx(
        similarity(middling, both, None, "before"), abs=1e-6
    )
    assert 0 < similarity(one, both, None, "before") < 1


def test_the_median_market_resembles_nothing() -> None:
    median = consistent({n: v for n, v in MIDDLE.items() if n != "trend_direction"} | {})
    known = {n for n in median.features if n != "trend_strength"}
    median = Regime({n: MIDDLE[n] for n in known})
    other = Regime({"rsi": 90.0})
    assert similarity(median, other, None, "before") == 0.0
    assert similarity(other, median, median, "before") == 0.0
    assert not EMBEDDER.embed_documents([WindowDocument(median, None)]).any()


def test_one_regime_stands_for_both_halves() -> None:
    regime = Regime({"rsi": 70.0})
    documents = [
        WindowDocument(regime, None),
        WindowDocument(None, regime),
        WindowDocument(regime, regime),
        WindowDocument(Regime({}), regime),
    ]
    found = EMBEDDER.embed_documents(documents)
    assert len({row.tobytes() for row in found}) == 1


def test_no_documents_are_no_vectors() -> None:
    assert EMBEDDER.embed_documents([]).shape == (0, DIMENSION)


@given(st.lists(REGIMES, min_size=1, max_size=5))
def test_a_vector_does_not_depend_on_its_batch(found: list[Regime]) -> None:
    documents = [WindowDocument(r, None) for r in found]
    together = EMBEDDER.embed_documents(documents)
    alone = [CosineRegimeEmbedder(SCALER).embed_documents([d])[0] for d in documents]
    assert together.tobytes() == np.array(alone).tobytes()


def test_the_pipeline_names_the_scaler_that_every_vector_depends_on() -> None:
    assert EMBEDDER.pipeline == "regime-cosine-v1/payload-2/scaler-4"
