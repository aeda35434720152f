"""Runbook 03: a workspace moves to another model and back, or is kept from a bad one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import tradingkb as tkb
from tests.runbooks.procedures.conftest import TRIALS, WINDOWS, Play, answers
from tests.small_store import COSINE_V1, REGIME_V1
from tradingkb.runbooks.procedures import rotation
from tradingkb.testing.ollama_server import OllamaServer
from tradingkb.testing.qdrant_server import QdrantServer

COSINE, NOMIC = "regime-cosine-v1", "nomic-embed-text"
NOMIC_V1 = "kb_nomic_embed_text_v1"
#: What a model may change of an answer: which trials head it.
_SHOWN = ("trials", "tie_break_counts")


def in_force(home: Path) -> tuple[str, str]:
    with tkb.connect(home, progress=False) as kb:
        return kb.workspaces().select("embed_model", "collection").row(0)


def judged(home: Path, **settings: Any) -> dict[str, Any]:
    return {k: v for k, v in answers(home, **settings).items() if k not in _SHOWN}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaServer]:
    with OllamaServer({NOMIC: 64}) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        yield server


def test_a_rotation_switches_when_all_is_embedded_and_the_way_back_restores_the_answers(
    home: Path, played: Play
) -> None:
    before, verdict = answers(home), judged(home)
    done = played("03", model=COSINE, dry_run=False)
    assert done.result.outcome == "done", done.result.findings
    assert done.states == dict.fromkeys(("compare", "reembed", "switch"), "done")
    assert not any(action.differs for action in done.result.actions)
    assert in_force(home) == (COSINE, COSINE_V1)
    assert judged(home) == verdict
    found = done.found(f"{COSINE} finds better windows").evidence
    assert found["loss_before"] == pytest.approx(0, abs=1e-6)
    assert found["low"] < found["loss"] < found["high"] < 0.9
    assert (found["probes"], found["windows"]) == (2 * WINDOWS, WINDOWS)
    assert done.found(f"verified: the old collection {REGIME_V1}").evidence["points"] == TRIALS
    back = played("03", rollback=True, dry_run=False)
    assert back.result.outcome == "done", back.result.findings
    assert in_force(home) == ("regime-v1", REGIME_V1)
    assert answers(home) == before


def test_a_dry_run_compares_and_plans_and_changes_nothing(home: Path, played: Play) -> None:
    planned = played("03", model=COSINE)
    assert planned.result.outcome == "needs_decision"
    plan = {action.key: action.expected for action in planned.result.actions}
    assert plan["reembed"] == {"dimension": 32, "points": TRIALS}
    assert planned.result.actions[1].undo == f"tradingkb drop-collection {COSINE_V1}"
    assert plan["switch"]["previous_collection"] == REGIME_V1
    figure = planned.names["rotation"].models_figure(planned.names["compared"])
    assert f"n = {2 * WINDOWS} regimes asked of {WINDOWS} windows" in figure.layout.title.text
    assert figure.layout.xaxis.title.text == "loss (0 = exact search, 1 = chance)"
    assert in_force(home) == ("regime-v1", REGIME_V1)
    with tkb.connect(home, progress=False) as kb:
        assert kb.collections()["collection"].to_list() == [REGIME_V1]


def test_a_model_that_finds_what_chance_finds_is_refused_before_anything_is_embedded(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OllamaServer({NOMIC: 64}, quality="random") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        planned = played("03", model=NOMIC)
        assert planned.result.outcome == "needs_decision"
        assert planned.found(f"{NOMIC} is refused").severity == "critical"
        failed = played("03", model=NOMIC, dry_run=False)
    assert failed.result.outcome == "failed"
    assert failed.states == {
        "pull": "done",
        "compare": "failed",
        "reembed": "skipped",
        "switch": "skipped",
    }
    (refused,) = [action.error for action in failed.result.actions if action.key == "compare"]
    assert "is not known to find similar markets: neighbours lose" in refused
    assert in_force(home) == ("regime-v1", REGIME_V1)
    with tkb.connect(home, progress=False) as kb:
        assert kb.collections()["collection"].to_list() == [REGIME_V1]


def test_a_model_of_a_server_is_pulled_and_embeds_each_window_once(
    home: Path, server: OllamaServer, played: Play
) -> None:
    server.remove(NOMIC)
    verdict = judged(home)
    planned = played("03", model=NOMIC)
    assert planned.found(f"{NOMIC} is not there yet").severity == "info"
    assert server.texts == []
    done = played("03", model=NOMIC, dry_run=False)
    assert done.result.outcome == "done", done.result.findings
    assert list(done.states) == ["pull", "compare", "reembed", "switch"]
    pulled = next(a.actual for a in done.result.actions if a.key == "pull")
    assert pulled is not None
    assert not pulled["was_there"]
    assert judged(home, ollama_host=server.url) == verdict
    assert in_force(home) == (NOMIC, NOMIC_V1)


def test_a_tag_that_was_pulled_anew_is_healed_without_naming_a_model(
    home: Path, server: OllamaServer, played: Play
) -> None:
    with tkb.connect(home, ollama_host=server.url, progress=False) as kb:
        kb.reembed(target_model=NOMIC)
        kb.activate(NOMIC)
        server.pull_again(NOMIC)
        (problem,) = [p for p in kb.problems().open if p.code == "VectorsOutdated"]
    done = played("03", **problem.parameters, dry_run=False)
    assert done.states == {"reembed": "done"}
    assert done.result.outcome == "done", done.result.findings
    with tkb.connect(home, ollama_host=server.url, progress=False) as kb:
        assert not [p for p in kb.problems().open if p.code == "VectorsOutdated"]


def test_settings_that_name_the_old_model_are_told_with_what_to_write(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBED_MODEL", "regime-v1")
    monkeypatch.setenv("EMBED_DIM", "64")
    monkeypatch.setenv("QDRANT_COLLECTION_ACTIVE", REGIME_V1)
    planned = played("03", model=COSINE)
    lines = [f"EMBED_MODEL={COSINE}", "EMBED_DIM=32", f"QDRANT_COLLECTION_ACTIVE={COSINE_V1}"]
    assert planned.found("the environment names another").evidence["edit_in_env_file"] == lines
    # Whoever restarts now searches a collection that is not filled yet.
    assert not [command for command in planned.commands if "07_service_restart" in command]
    done = played("03", model=COSINE, dry_run=False)
    (step,) = [s for s in done.result.next_steps if s.why.startswith("set EMBED_MODEL")]
    assert step.command == "tradingkb runbook run 07_service_restart -p workspace=default"


def test_there_is_no_way_back_where_nothing_was_switched(home: Path, played: Play) -> None:
    found = played("03", rollback=True, dry_run=False)
    assert found.result.outcome == "needs_decision"
    assert found.result.actions == []
    assert found.found("nothing notes what default searched before").severity == "critical"


def test_a_collection_of_another_dimension_is_no_place_for_the_model(
    home: Path, played: Play
) -> None:
    found = played("03", model=COSINE, collection=REGIME_V1, dry_run=False)
    assert (found.result.outcome, found.result.actions) == ("needs_decision", [])
    assert found.found(f"{REGIME_V1} holds vectors of another").evidence == {
        "collection": 64,
        "model": 32,
    }
    (command,) = found.commands
    assert command.endswith(f"-p model={COSINE} -p collection={COSINE_V1}")
    assert in_force(home) == ("regime-v1", REGIME_V1)


def test_a_collection_of_another_program_is_no_place_for_the_model_and_is_not_to_be_dropped(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    with QdrantServer() as qdrant:
        monkeypatch.setenv("QDRANT_URL", qdrant.url)
        dot = {"vectors": {"size": 32, "distance": "Dot"}}
        httpx.put(f"{qdrant.url}/collections/theirs", json=dot)
        found = played("03", model=COSINE, collection="theirs", dry_run=False)
    assert (found.result.outcome, found.result.actions) == ("needs_decision", [])
    assert found.found("collection theirs is another program's").severity == "critical"
    assert not [one for one in found.commands if "drop" in one]


def test_a_collection_that_was_there_before_is_not_to_be_dropped_by_the_undo(
    home: Path, played: Play
) -> None:
    with tkb.connect(home, progress=False) as kb:
        kb.reembed(target_model=COSINE)
    assert played("03", model=COSINE).result.actions[1].undo is None


def test_a_switch_that_failed_is_undone_to_where_it_was_and_not_to_the_one_before(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise tkb.ConfigurationError("trials are missing there")

    with tkb.connect(home, progress=False) as kb:
        kb.reembed(target_model=COSINE)
        kb.activate(COSINE)
    with monkeypatch.context() as broken:
        broken.setattr(rotation, "_switched", refuse)
        failed = played("03", collection="kb_other_v1", dry_run=False)
    assert failed.states == {"reembed": "done", "switch": "failed"}
    back = failed.commands[0]
    assert f"-p model={COSINE} -p collection={COSINE_V1} -p rollback=true" in back
    given = {"model": COSINE, "collection": COSINE_V1, "rollback": True}
    assert played("03", **given, dry_run=False).result.outcome == "done"
    assert in_force(home) == (COSINE, COSINE_V1)


def test_a_model_that_nobody_can_pull_is_not_planned_for(home: Path, played: Play) -> None:
    found = played("03", model="nomic-embed-txt")
    assert (found.result.outcome, found.result.actions) == ("needs_decision", [])
    assert found.found("nomic-embed-txt is no model").severity == "critical"
    with pytest.raises(tkb.InvalidInputError, match="a/b"):
        played("03", model=COSINE, collection="a/b")


def test_a_switch_that_is_not_verified_names_the_way_back(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise tkb.BackendUnavailableError("the vector index is away")

    monkeypatch.setattr(rotation, "verify_ready", away)
    failed = played("03", model=COSINE, dry_run=False)
    assert failed.result.outcome == "failed"
    assert failed.states["switch"] == "done"
    (command,) = [one for one in failed.commands if "rollback=true" in one]
    assert command.endswith("-p rollback=true -p dry_run=false")
