"""A store moves to models of an Ollama server and back, over HTTP, and loses nothing on the way."""

from __future__ import annotations

import shutil
import time as clock
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.conftest import DATA
from tradingkb.domain import regime_from_json, window_text
from tradingkb.embedding.ollama_connection import OllamaConnection
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    NotReadyError,
    UnembeddableError,
)
from tradingkb.resilience import Policy, doors
from tradingkb.testing.faults import Behaviour, answering, http, resetting, saying
from tradingkb.testing.ollama_server import OllamaServer

NOMIC, MXBAI = "nomic-embed-text", "mxbai-embed-large"
#: Windows of the sample, and trials of three parameter sets on each.
WINDOWS, TRIALS = 84, 252
Open = Callable[..., tkb.KnowledgeBase]


class Seconds:
    """Seconds that pass as they do, and faster when told."""

    def __init__(self) -> None:
        self.more = 0.0

    def __call__(self) -> float:
        return clock.monotonic() + self.more


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All windows of the sample, embedded by what is built in."""
    trials = pl.read_parquet(DATA / "trials.parquet").filter(pl.col("strategy_name") == "sma_cross")
    some = trials["params"].unique(maintain_order=True).head(3)
    home = tmp_path_factory.mktemp("rotation") / "home"
    with tkb.connect(home, progress=False) as kb:
        kb.register_strategy(DATA / "strategies")
        kb.ingest(trials.filter(pl.col("params").is_in(some.implode())), ohlcv=DATA / "ohlcv")
    return home


@pytest.fixture(scope="module")
def with_nomic(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, moved to a model of a server."""
    home = Path(shutil.copytree(stored, tmp_path_factory.mktemp("nomic") / "home"))
    with OllamaServer() as server, tkb.connect(home, ollama_host=server.url, progress=False) as kb:
        kb.reembed(target_model=NOMIC)
        kb.activate(NOMIC)
    return home


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer({NOMIC: 768, MXBAI: 1024}) as server:
        yield server


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def open_at(
    tmp_path: Path, server: OllamaServer, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Opens a copy of a store, with the server; a call of it is tried once."""
    policies = {**doors.POLICIES, "ollama": Policy(total_s=5.0, attempts=1)}
    monkeypatch.setattr(doors, "POLICIES", policies)
    opened: list[tkb.KnowledgeBase] = []

    def call(home: Path, **settings: Any) -> tkb.KnowledgeBase:
        place = tmp_path / "home"
        if not place.exists():
            shutil.copytree(home, place)
        given = {"ollama_host": server.url, "progress": False, "monotonic": seconds, **settings}
        opened.append(tkb.connect(place, **given))
        return opened[-1]

    yield call
    for kb in opened:
        kb.close()


def asked(kb: tkb.KnowledgeBase) -> tkb.Recommendation:
    return kb.recommend("sma_cross", regime=["uptrend"])


def held(kb: tkb.KnowledgeBase, collection: str) -> int:
    space = kb.use_cases.workspaces.find("default").id
    return kb.use_cases.indexer.vectors.points(collection, space).height


def answer_of(kb: tkb.KnowledgeBase) -> dict[str, Any]:
    told = asked(kb).to_dict()
    return {k: v for k, v in told.items() if k not in ("at", "request_id", "timings")}


def test_a_store_rotates_to_one_model_and_another_and_back(
    stored: Path, server: OllamaServer, open_at: Open
) -> None:
    kb = open_at(stored)
    before = answer_of(kb)
    for model, dimension in ((NOMIC, 768), (MXBAI, 1024)):
        server.asked.clear()
        report = kb.reembed(target_model=model)
        assert (report.dimension, report.embedded, report.points) == (dimension, TRIALS, TRIALS)
        assert len(server.texts) == len(set(server.texts)) == WINDOWS
        assert [len(one.texts) for one in server.asked if one.texts] == [32, 32, 20]
        kb.activate(model)
        before_asking = len(server.texts)
        answer = asked(kb)
        assert (answer.status, answer.metadata_only, answer.reasons) == ("ok", False, ())
        assert len(server.texts) == before_asking + 1
        assert kb.ready().ready
    kb.activate("regime-v1")
    assert answer_of(kb) == before
    collections = ("kb_regime_v1_v1", "kb_nomic_embed_text_v1", "kb_mxbai_embed_large_v1")
    assert [held(kb, name) for name in collections] == [TRIALS] * 3


def test_a_rotation_that_broke_off_goes_on_where_it_was(
    stored: Path, server: OllamaServer, open_at: Open
) -> None:
    kb = open_at(stored)
    server.spoil(lambda _: None, n=2)
    server.spoil(lambda _: server.refuse())  # down before the third batch is believed
    with pytest.raises(BackendUnavailableError, match="refused"):
        kb.reembed(target_model=NOMIC)
    assert asked(kb).status == "ok"  # what is active is as it was
    done = held(kb, "kb_nomic_embed_text_v1")
    assert done == 64 * 3
    server.listen()
    with pytest.raises(ConfigurationError, match=r"60 .*trials"):
        kb.activate(NOMIC)
    server.asked.clear()
    report = kb.reembed(target_model=NOMIC)
    assert (report.resumed, report.embedded, report.points) == (True, 20 * 3, TRIALS)
    assert len(server.texts) == 20
    kb.activate(NOMIC)
    assert asked(kb).status == "ok"


def test_a_bad_text_is_named_and_everything_else_is_embedded(
    stored: Path, server: OllamaServer, open_at: Open
) -> None:
    kb = open_at(stored)
    bad = kb.trials(symbol="GOOG", limit=1).to_dicts()[0]
    regimes = [regime_from_json(bad[name]) for name in ("regime_is", "regime_oos")]
    server.refuse_text(window_text(*regimes))
    with pytest.raises(UnembeddableError, match="NaN or Inf") as error:
        kb.reembed(target_model=NOMIC)
    assert f"the window of trial '{bad['source_id'].split('sma_cross')[0]}" in str(error.value)
    assert held(kb, "kb_nomic_embed_text_v1") == (WINDOWS - 1) * 3
    assert kb.activate(NOMIC, force=True).missing == 3
    assert asked(kb).status == "ok"
    server.recover()
    server.asked.clear()
    assert kb.reembed(target_model=NOMIC).points == TRIALS
    assert len(server.texts) == 1


def test_answers_without_the_server_rest_on_metadata_until_it_is_back(
    with_nomic: Path, server: OllamaServer, seconds: Seconds, open_at: Open
) -> None:
    kb = open_at(with_nomic)
    assert asked(kb).status == "ok"
    server.refuse()
    for _ in range(5):
        answer = asked(kb)
        assert (answer.status, answer.metadata_only) == ("degraded", True)
        assert "no_embedding_available" in answer.reasons
    assert any("circuit breaker is open" in note for note in asked(kb).notes)
    shown = kb.health().circuit_breakers["ollama"]
    assert (shown["is_open"], shown["in_use"], shown["failures"]) == (True, True, 5)
    ready = kb.ready()
    assert (ready.ready, ready.checks["embed_service"].ok) == (False, False)
    server.listen()
    seconds.more += 61.0
    assert asked(kb).status == "ok"
    assert kb.health().circuit_breakers["ollama"]["state"] == "closed"
    assert kb.ready().ready


@pytest.mark.parametrize(
    "fault",
    [
        resetting(),
        answering(500, b'{"error": "llama runner process has terminated"}'),
        answering(503, b'{"error": "server busy"}'),
        saying(http(200, b'{"embeddings": [[0.1', {"Content-Length": "9000"})),
    ],
    ids=["resets", "500", "503", "cut short"],
)
def test_trials_that_come_while_the_server_fails_are_stored_and_indexed_by_the_next_ingest(
    with_nomic: Path, server: OllamaServer, open_at: Open, fault: Behaviour
) -> None:
    kb = open_at(with_nomic)
    server.fail(fault)
    with pytest.raises(BackendUnavailableError, match="Ollama did not answer"):
        kb.ingest(new_trial())
    assert kb.trials(source_id="new").height == 1
    assert held(kb, "kb_nomic_embed_text_v1") == TRIALS
    assert kb.health().circuit_breakers["ollama"]["failures"] == 1
    kb.ingest()
    assert held(kb, "kb_nomic_embed_text_v1") == TRIALS + 1
    assert kb.health().circuit_breakers["ollama"]["failures"] == 0


def test_trials_that_come_while_the_server_is_away_are_stored_too(
    with_nomic: Path, server: OllamaServer, open_at: Open
) -> None:
    """Nothing is known of the model then, not even how long its vectors are."""
    kb = open_at(with_nomic)
    server.refuse()
    with pytest.raises(BackendUnavailableError, match="Ollama did not answer"):
        kb.ingest(new_trial())
    assert kb.trials(source_id="new").height == 1
    server.listen()
    report = kb.ingest()
    assert (report.inserted, report.skipped) == (1, TRIALS)
    assert held(kb, "kb_nomic_embed_text_v1") == TRIALS + 1


def new_trial() -> pl.DataFrame:
    """One of a window that is stored, with parameters that are not."""
    of_strategy, of_symbol = pl.col("strategy_name") == "sma_cross", pl.col("symbol") == "GOOG"
    one = pl.read_parquet(DATA / "trials.parquet").filter(of_strategy, of_symbol).head(1)
    params = pl.lit('{"allow_short": 0, "fast": 7, "slow": 77}')
    return one.with_columns(pl.lit("new").alias("source_id"), params.alias("params"))


def test_a_tag_that_was_pulled_anew_is_told_until_an_ingest_has_embedded_all_windows(
    with_nomic: Path, server: OllamaServer, seconds: Seconds, open_at: Open
) -> None:
    kb = open_at(with_nomic)
    assert asked(kb).status == "ok"
    server.pull_again(NOMIC)
    seconds.more += 5.0
    said = "made by another version of nomic-embed-text, whose tag was pulled anew"
    check = kb.ready().checks["embed_service"]
    assert check.ok
    assert said in check.detail
    assert kb.ready().to_dict()["checks"]["embed_service"]["stale"]
    answer = asked(kb)
    assert answer.metadata_only
    assert any(said in note for note in answer.notes), answer.notes
    assert "vectors_outdated" in answer.reasons
    assert "no_embedding_available" not in answer.reasons
    assert any("run kb.ingest(), or kb.reembed()" in do for do in answer.suggested_actions)
    (problem,) = kb.problems().open
    assert (problem.code, problem.severity) == ("VectorsOutdated", "warning")
    assert problem.evidence["model"] == NOMIC
    assert problem.evidence["entries_by_workspace"] == {"default": TRIALS}
    server.asked.clear()
    kb.ingest()
    assert len(server.texts) == WINDOWS
    assert asked(kb).status == "ok"
    assert "stale" not in kb.ready().to_dict()["checks"]["embed_service"]
    assert kb.problems().healthy


def test_an_ingest_during_which_a_tag_is_pulled_anew_can_be_run_again_at_once(
    with_nomic: Path, server: OllamaServer, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = open_at(with_nomic)
    server.pull_again(NOMIC)
    embed = OllamaConnection.embed

    def pulled_meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(OllamaConnection, "embed", embed)
        server.pull_again(NOMIC)
        return embed(*given)

    monkeypatch.setattr(OllamaConnection, "embed", pulled_meanwhile)
    with pytest.raises(NotReadyError, match="pulled anew while it embedded: run it again"):
        kb.ingest()
    assert kb.ingest().updated == TRIALS


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda server: server.remove(NOMIC), "ollama pull nomic-embed-text"),
        (lambda server: server.behave(answering(200, b"<html>")), "OLLAMA_HOST is not Ollama"),
    ],
)
def test_a_wrong_setting_is_told_in_answers_and_readiness_and_stops_a_rotation(
    with_nomic: Path, server: OllamaServer, open_at: Open, break_it: Any, why: str
) -> None:
    kb = open_at(with_nomic)
    break_it(server)
    answer = asked(kb)
    assert answer.metadata_only
    assert any(why in note for note in answer.notes), answer.notes
    assert why in kb.ready().checks["embed_service"].detail
    with pytest.raises(ConfigurationError, match=why):
        kb.reembed()
    assert held(kb, "kb_nomic_embed_text_v1") == TRIALS


def test_a_dimension_that_the_environment_contradicts_is_refused_before_anything_is_embedded(
    stored: Path, server: OllamaServer, open_at: Open
) -> None:
    kb = open_at(stored, embed_model=NOMIC, embed_dim=64)
    with pytest.raises(ConfigurationError, match=r"EMBED_DIM is 64, but EMBED_MODEL .* makes 768"):
        kb.reembed()
    assert server.texts == []
