"""Runbook 02: a collection is made again, or recovered, and answers are as before."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

import tradingkb as tkb
from tests.runbooks.cells import Ran
from tests.runbooks.procedures.conftest import TRIALS, Play, answers
from tests.small_store import COSINE_V1, MARKET, REGIME_V1, trials
from tradingkb.exceptions import BackendUnavailableError, WorkspaceBusyError
from tradingkb.runbooks import Result, Run
from tradingkb.runbooks.procedures import rebuild
from tradingkb.runbooks.running import run_runbook
from tradingkb.settings import load_settings
from tradingkb.testing.ollama_server import OllamaServer
from tradingkb.testing.qdrant_server import QdrantServer
from tradingkb.vectors.embedded import EmbeddedVectorIndex

NEXT = "kb_regime_v1_v2"
ROLLBACK = re.compile(r"rollback_to=(\S+\.snapshot)")


@pytest.fixture(scope="module")
def running() -> Iterator[QdrantServer]:
    with QdrantServer() as server:
        yield server


@pytest.fixture
def server(running: QdrantServer) -> Iterator[QdrantServer]:
    running.state.empty()
    yield running
    running.restore()
    running.listen()


@pytest.fixture(params=["embedded", "qdrant"])
def settings(
    request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Where the vectors are."""
    if request.param == "embedded":
        return {}
    url = request.getfixturevalue("server").url
    monkeypatch.setenv("QDRANT_URL", url)
    with tkb.connect(home, qdrant_url=url, progress=False) as kb:
        kb.ingest()
    return {"qdrant_url": url}


def by_command(play: Play, command: str) -> Ran:
    """Plays what a command of a result says."""
    words = shlex.split(command)
    given = dict(word.split("=", 1) for word in words if "=" in word)
    told: dict[str, Any] = {**given, "dry_run": given["dry_run"] == "true"}
    return play(words[3], **told)


def collections(home: Path, **settings: Any) -> dict[str, tuple[int, int]]:
    """Dimension and points by name."""
    with tkb.connect(home, progress=False, **settings) as kb:
        rows = kb.collections().select("collection", "dimension", "points").rows()
    return {name: (dimension, points) for name, dimension, points in rows}


def test_a_rebuild_and_the_way_back_to_its_snapshot_leave_every_answer_as_it_was(
    home: Path, settings: dict[str, Any], played: Play
) -> None:
    before = answers(home, **settings)
    done = played("02", dry_run=False)
    assert done.result.outcome == "done", done.result.findings
    assert done.states == dict.fromkeys(
        ("embedder", "snapshot", "delete", "reindex:default"), "done"
    )
    assert not any(action.differs for action in done.result.actions)
    assert answers(home, **settings) == before
    assert collections(home, **settings) == {REGIME_V1: (64, TRIALS)}
    way_back = done.found("what the collection held before is kept").evidence["way_back"]
    back = by_command(played, way_back)
    assert back.result.outcome == "done", back.result.findings
    assert back.found("verified: the fixed questions").evidence == {"questions": 2}
    assert answers(home, **settings) == before
    assert collections(home, **settings) == {REGIME_V1: (64, TRIALS), NEXT: (64, TRIALS)}
    with tkb.connect(home, progress=False, **settings) as kb:
        assert kb.workspaces()["collection"].to_list() == [NEXT]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(home: Path, played: Play) -> None:
    planned = played("02")
    assert planned.result.outcome == "needs_decision"
    assert set(planned.states.values()) == {"planned"}
    plan = {action.key: action.expected for action in planned.result.actions}
    assert plan["delete"] == {"points": TRIALS}
    assert plan["reindex:default"] == {"dimension": 64, "points": TRIALS}
    assert planned.commands == [
        "tradingkb runbook run 02_qdrant_collection_rebuild -p workspace=default -p dry_run=false"
    ]
    with tkb.connect(home, progress=False) as kb:
        assert kb.collections()["points"].to_list() == [TRIALS]
        assert kb.snapshots().is_empty()


def test_a_collection_that_is_gone_is_a_warning_and_is_healed(home: Path, played: Play) -> None:
    before = answers(home)
    with tkb.connect(home, progress=False) as kb:
        kb.drop_collection(REGIME_V1, force=True)
    done = played("02", dry_run=False)
    assert list(done.states) == ["embedder", "reindex:default"], "nothing to keep or to delete"
    assert done.found(f"collection {REGIME_V1} does not exist").severity == "warning"
    assert done.result.outcome == "done", done.result.findings
    assert answers(home) == before


def test_a_collection_of_another_dimension_is_made_again_with_that_of_the_model(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBED_MODEL", "regime-cosine-v1")
    monkeypatch.setenv("QDRANT_COLLECTION_ACTIVE", REGIME_V1)
    done = played("02", dry_run=False)
    assert done.found("dimension mismatch").evidence == {"collection": 64, "model": 32}
    assert done.result.outcome == "done", done.result.findings
    assert collections(home) == {REGIME_V1: (32, TRIALS)}


def test_every_workspace_that_searches_the_collection_is_embedded_again(
    home: Path, played: Play
) -> None:
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("other")
        given = trials()
        bare = pl.lit(None, pl.String)
        kb.ingest(given, workspace="other")
        kb.ingest(
            given.with_columns(
                source_id=pl.format("bare {}", "source_id"),
                symbol=pl.lit("Y"),
                regime_is=bare,
                regime_oos=bare,
            ),
            workspace="other",
        )
        first, second = kb.trials("other", symbol="X", limit=2)["trial_id"]
        kb.reject([first], workspace="other", reason="a bug")
        kb.archive([second], workspace="other")
    done = played("02", dry_run=False)
    assert done.result.outcome == "done", done.result.findings
    points = {a.key: (a.actual or {}).get("points") for a in done.result.actions}
    assert not any(action.differs for action in done.result.actions)
    assert (points["reindex:default"], points["reindex:other"]) == (TRIALS, 6)


def test_a_rebuild_that_fails_says_how_to_go_back_and_that_restores_the_answers(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answers(home)
    with monkeypatch.context() as broken:
        broken.setattr(EmbeddedVectorIndex, "upsert", away)
        failed = played("02", dry_run=False)
    assert failed.result.outcome == "failed"
    assert (failed.states["delete"], failed.states["reindex:default"]) == ("done", "failed")
    assert answers(home)["metadata_only"]
    (command,) = [one for one in failed.commands if ROLLBACK.search(one)]
    back = by_command(played, command)
    assert back.result.outcome == "done", back.result.findings
    assert answers(home) == before


def away(*_: Any) -> None:
    raise BackendUnavailableError("the vector index is away")


def test_nothing_is_deleted_where_the_embedder_does_not_answer(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tkb.connect(home, progress=False) as kb:
        space = kb.use_cases.workspaces.find("default").id
        kb.use_cases.store.set_active(space, "nomic-embed-text", REGIME_V1)
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    failed = played("02", dry_run=False)
    assert failed.result.outcome == "failed"
    assert set(failed.states.values()) == {"failed", "skipped"}
    assert failed.states["embedder"] == "failed"
    assert any("08_failure_modes_recovery" in command for command in failed.commands)
    assert collections(home) == {REGIME_V1: (64, TRIALS)}


@pytest.mark.parametrize(
    ("name", "given"), [("02", {}), ("03", {"model": "regime-cosine-v1"}), ("05", {})]
)
def test_a_vector_index_that_is_away_is_to_be_brought_back_first(
    home: Path,
    server: QdrantServer,
    played: Play,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    given: dict[str, Any],
) -> None:
    monkeypatch.setenv("QDRANT_URL", server.url)
    server.refuse()
    if name == "05":
        with tkb.connect(home, progress=False) as kb:
            kb.recommend("s", regime=MARKET)
    found = played(name, **given, dry_run=False)
    assert found.result.outcome == "needs_decision"
    assert found.result.actions == []
    what = "metadata_only: 1 answers" if name == "05" else "the vector index does not answer"
    assert found.found(what).severity in ("critical", "warning")
    assert any("08_failure_modes_recovery" in command for command in found.commands)


def test_a_collection_of_another_program_is_left_alone(
    home: Path, server: QdrantServer, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QDRANT_URL", server.url)
    monkeypatch.setenv("QDRANT_COLLECTION_ACTIVE", "theirs")
    dot = {"vectors": {"size": 64, "distance": "Dot"}}
    httpx.put(f"{server.url}/collections/theirs", json=dot)
    found = played("02", dry_run=False)
    assert found.result.outcome == "needs_decision"
    assert found.result.actions == []
    assert any("another program's" in one.what for one in found.result.findings)
    assert found.commands == [
        "tradingkb runbook run 03_embedding_model_rotation -p workspace=default "
        f"-p collection={REGIME_V1}"
    ]


def test_nothing_is_deleted_where_the_embedder_has_gone_since_it_was_looked_at(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = "nomic-embed-text"
    with OllamaServer({model: 64}) as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        with tkb.connect(home, ollama_host=ollama.url, progress=False) as kb:
            kb.create_workspace("small")
            kb.ingest(trials(1), workspace="small")
            kb.reembed("small", model)
            kb.activate(model, workspace="small")
        before_acting(monkeypatch, lambda: ollama.remove(model))
        failed = played("02", workspace="small", dry_run=False)
    assert failed.states == {
        "embedder": "failed",
        "snapshot": "skipped",
        "delete": "skipped",
        "reindex:small": "skipped",
    }
    assert collections(home)["kb_nomic_embed_text_v1"] == (64, 2)


def before_acting(monkeypatch: pytest.MonkeyPatch, what: Callable[[], object]) -> None:
    def carried_out(run: Run) -> object:
        what()
        return carry_out(run)

    carry_out = Run.carry_out
    monkeypatch.setattr(Run, "carry_out", carried_out)


def test_a_workspace_that_another_runbook_changes_keeps_the_collection_that_both_search(
    home: Path, played: Play
) -> None:
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("other")
        other = kb.use_cases.workspaces.find("other")
        busy = pytest.raises(WorkspaceBusyError, match="is changing workspace 'other'")
        with kb.use_cases.leases.claim(other, "runbook"), busy:
            played("02", dry_run=False)
        assert kb.collections()["points"].to_list() == [TRIALS]


def test_a_collection_that_two_models_search_is_not_made_for_one_of_them(
    home: Path, played: Play
) -> None:
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("twin")
        twin = kb.use_cases.workspaces.find("twin").id
        kb.use_cases.store.set_active(twin, "regime-cosine-v1", REGIME_V1)
    found = played("02", dry_run=False)
    assert (found.result.outcome, found.result.actions) == ("needs_decision", [])
    assert found.found("twin searches").evidence == {"dimensions": [64, 32]}
    assert found.commands == [
        "tradingkb runbook run 03_embedding_model_rotation -p workspace=twin "
        f"-p collection={COSINE_V1}"
    ]
    assert collections(home) == {REGIME_V1: (64, TRIALS)}


def test_a_snapshot_that_is_not_there_is_not_planned_for(home: Path, played: Play) -> None:
    found = played("02", rollback_to="none.snapshot")
    assert found.found("there is no snapshot none.snapshot").severity == "critical"
    assert found.result.actions == []
    assert found.commands == ["tradingkb snapshots"]


def test_an_index_that_goes_away_before_it_is_verified_leaves_the_way_back(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "verify_ready", away)
    failed = played("02", dry_run=False)
    assert failed.result.outcome == "failed"
    assert [one for one in failed.commands if ROLLBACK.search(one)]


def test_a_snapshot_of_another_dimension_is_not_searched(home: Path, played: Play) -> None:
    with tkb.connect(home, progress=False) as kb:
        kb.reembed(target_model="regime-cosine-v1")
        kept = kb.snapshot(COSINE_V1)
    failed = played("02", rollback_to=kept.snapshot, dry_run=False)
    assert failed.result.outcome == "failed"
    assert failed.states["activate:default"] == "failed"
    with tkb.connect(home, progress=False) as kb:
        assert kb.workspaces()["collection"].to_list() == [REGIME_V1]


def test_a_kernel_of_its_own_comes_to_the_same_result(home: Path, tmp_path: Path) -> None:
    settings = load_settings(home=home, runbook_output=tmp_path / "runs")
    found = run_runbook(settings, "02", {"dry_run": False}, actor="ann")
    assert (found.outcome, found.error) == ("done", None)
    assert found.result is not None
    result = Result.model_validate(dict(found.result))
    assert [action.state for action in result.actions] == ["done"] * 4
    assert collections(home) == {REGIME_V1: (64, TRIALS)}
    report = (tmp_path / "runs" / str(found.report)).read_text("utf-8")
    assert "Answers before and after" in report
