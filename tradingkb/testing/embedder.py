"""What every embedder has to promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradingkb.domain import Regime, RegimeScaler, Side
from tradingkb.ports import PAYLOAD_VERSION, Embedder, WindowDocument

CALM = Regime(
    {
        "atr_pct": 0.008,
        "volatility_annual": 0.12,
        "efficiency_ratio": 0.05,
        "trend_strength": 0.1,
        "trend_direction": 0.1,
        "drift": 0.1,
        "rsi": 52.0,
        "adx": 18.0,
        "max_drawdown_frac": 0.05,
    },
    tags=("ranging",),
)
NEARLY_CALM = replace(CALM, features={**CALM.features, "rsi": 54.0, "drift": 0.12})
WILD = Regime(
    {
        "atr_pct": 0.06,
        "volatility_annual": 0.9,
        "efficiency_ratio": 0.4,
        "trend_strength": 0.95,
        "trend_direction": -0.95,
        "drift": -2.5,
        "rsi": 22.0,
        "adx": 45.0,
        "max_drawdown_frac": 0.55,
    },
    tags=("downtrend",),
)
#: Makes the built-in embedders: centre and width of each feature.
SCALER = RegimeScaler(
    version=1,
    center=(
        -3.8,
        -1.4,
        -0.2,
        -1.2,
        -2.2,
        0.07,
        0.24,
        0.5,
        0.2,
        0.5,
        0.1,
        50.0,
        27.0,
        0.0,
        0.2,
        0.6,
    ),
    width=(0.5, 0.5, 0.3, 0.3, 0.5, 0.07, 0.05, 0.4, 0.5, 1.0, 1.5, 12.0, 5.5, 0.08, 0.1, 0.3),
    n_windows=84,
)
DOCUMENTS = (
    WindowDocument(CALM, NEARLY_CALM),
    WindowDocument(WILD, WILD),
    WindowDocument(CALM, None),
    WindowDocument(None, None),
    WindowDocument(CALM, NEARLY_CALM),
)


class EmbedderContract:
    """Subclass it, with a fixture `embedder`; one that scales is made with `SCALER`."""

    def test_it_is_an_embedder_that_says_what_it_makes(self, embedder: Embedder) -> None:
        assert isinstance(embedder, Embedder)
        assert embedder.dimension > 0
        assert embedder.batch is None or embedder.batch > 0
        assert PAYLOAD_VERSION in embedder.pipeline.split("/")
        assert len(embedder.pipeline) <= 128  # a column of the store

    def test_windows_become_unit_vectors_in_their_order(self, embedder: Embedder) -> None:
        found = embedder.embed_documents(DOCUMENTS)
        assert found.shape == (5, embedder.dimension)
        assert found.dtype == np.float32
        assert np.linalg.norm(found[:3], axis=1) == pytest.approx([1.0] * 3, abs=1e-4)
        assert np.allclose(found[0], found[4], atol=1e-5)
        assert float(found[0] @ found[1]) < 0.9999

    def test_a_window_of_which_nothing_is_known_is_a_row_of_zeros(self, embedder: Embedder) -> None:
        assert not embedder.embed_documents(DOCUMENTS)[3].any()
        assert not embedder.embed_documents([WindowDocument(Regime({}), None)]).any()

    def test_no_windows_make_no_vectors(self, embedder: Embedder) -> None:
        assert embedder.embed_documents([]).shape == (0, embedder.dimension)

    def test_a_window_has_the_same_vector_alone_and_among_others(self, embedder: Embedder) -> None:
        together = embedder.embed_documents(DOCUMENTS)
        alone = np.vstack([embedder.embed_documents([one]) for one in DOCUMENTS])
        assert np.allclose(together, alone, atol=1e-3)

    @pytest.mark.parametrize("side", ["before", "during"])
    def test_a_question_is_a_unit_vector_and_nearer_to_its_like(
        self, embedder: Embedder, side: Side
    ) -> None:
        query = embedder.embed_query(CALM, side)
        assert query.vector.shape == (embedder.dimension,)
        assert query.vector.dtype == np.float32
        assert float(np.linalg.norm(query.vector)) == pytest.approx(1.0, abs=1e-4)
        like, unlike, *_ = (embedder.embed_documents(DOCUMENTS) @ query.vector) * query.scale
        assert like > unlike

    def test_a_question_of_which_nothing_is_known_has_a_finite_vector(
        self, embedder: Embedder
    ) -> None:
        query = embedder.embed_query(Regime({}), "before")
        assert query.vector.shape == (embedder.dimension,)
        assert np.isfinite(query.vector).all()
