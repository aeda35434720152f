"""A model of a server is searched by only if it finds similar markets, over the whole way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import pytest

import tradingkb as tkb
from tests.indexing.markets import market_trials
from tests.small_store import MARKET
from tradingkb.testing.ollama_server import OllamaServer

Open = Callable[..., tkb.KnowledgeBase]
MODEL = "nomic-embed-text"
WINDOWS = 30


def rotated(open_kb: Open, server: OllamaServer) -> tkb.KnowledgeBase:
    """A store whose trials are in the collection of the server's model, which is not in force."""
    kb = open_kb(ollama_host=server.url)
    kb.ingest(market_trials(WINDOWS))
    assert kb.reembed(target_model=MODEL).points == 6 * WINDOWS
    assert len(server.texts) == WINDOWS, "a text per window, however many trials it has"
    return kb


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[OllamaServer]:
    quality: Literal["good", "random"] = request.param
    with OllamaServer({MODEL: 64}, quality=quality) as server:
        yield server


@pytest.mark.parametrize("server", ["random"], indirect=True)
def test_a_server_that_answers_at_random_is_refused_and_force_goes_on(
    open_kb: Open, server: OllamaServer
) -> None:
    kb = rotated(open_kb, server)
    with pytest.raises(tkb.ConfigurationError, match=r"lose [01]\.\d\d .* keep 'regime-v1', or"):
        kb.activate(MODEL)
    assert kb.recommend("s", regime=MARKET).embed_model == "regime-v1"
    report = kb.activate(MODEL, force=True)
    assert report.quality.as_chance
    assert kb.recommend("s", regime=MARKET).embed_model == MODEL
    assert "neighbours lose" in kb.recent_changes()["what"][0]
    back = kb.activate(report.previous_model, report.previous_collection)
    assert back.quality.loss == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("server", ["good"], indirect=True)
def test_a_server_that_understands_its_texts_is_taken_and_costs_a_text_per_window_and_probe(
    open_kb: Open, server: OllamaServer
) -> None:
    kb = rotated(open_kb, server)
    before = len(server.texts)
    report = kb.activate(MODEL)
    assert len(server.texts) - before == WINDOWS + 2 * WINDOWS
    assert not report.quality.as_chance
    assert kb.recommend("s", regime=MARKET).embed_model == MODEL
