"""The embedders of an installation: built-in ones by name, all others of its server."""

from __future__ import annotations

import pytest

from tradingkb.embedding import BUILT_IN, Embedders
from tradingkb.exceptions import ConfigurationError


@pytest.mark.parametrize(("model", "dimension"), [("regime-v1", 64), ("regime-cosine-v1", 32)])
def test_a_built_in_model_needs_no_server(model: str, dimension: int) -> None:
    embedders = Embedders()
    embedder = embedders(model, None)
    assert (embedder.model, embedder.dimension) == (model, dimension)
    assert (embedder.remote, embedder.batch, embedders.is_remote(model)) == (False, None, False)


def test_another_model_without_a_server_is_refused_with_what_there_is() -> None:
    embedders = Embedders()
    assert embedders.is_remote("nomic-embed-text")
    with pytest.raises(ConfigurationError) as caught:
        embedders("nomic-embed-text", None)
    for name in ("nomic-embed-text", *BUILT_IN, "OLLAMA_HOST"):
        assert name in str(caught.value)


@pytest.mark.parametrize(("model", "dimension"), [("regime-v1", 32), ("regime-cosine-v1", 64)])
def test_a_dimension_that_a_built_in_model_does_not_make_is_refused_at_once(
    model: str, dimension: int
) -> None:
    with pytest.raises(ConfigurationError, match=rf"EMBED_DIM is {dimension}, .*'{model}' makes"):
        Embedders(demanded=(model, dimension))


def test_the_dimension_is_demanded_of_that_model_alone() -> None:
    embedders = Embedders(demanded=("regime-v1", 64))
    assert embedders("regime-cosine-v1", None).dimension == 32
    assert Embedders(demanded=("regime-v1", None))("regime-v1", None).dimension == 64
