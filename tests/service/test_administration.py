"""What administrators do over HTTP."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl
import pytest

import tradingkb as tkb
from tests.service.conftest import ADMIN, ROW, Serve
from tradingkb.jobs import Leases


def ended(served, job: dict) -> dict:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = served.get(f"/kb/jobs/{job['job_id']}").json()
        if found["state"] in ("succeeded", "failed", "cancelled"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{job} has not ended")


def test_what_is_stored_is_indexed_again_and_skipped(served):
    found = served.post("/kb/trials/ingest", json={"workspace_id": "default"}, headers=ADMIN).json()
    assert (found["inserted"], found["updated"], found["skipped"]) == (0, 0, 26040)


def test_rows_go_in_and_answer_at_once(serve: Serve):
    served = serve()
    rows = [{**ROW, "source_id": str(n), "params": {"fast": n}} for n in range(3)]
    body = {"workspace_id": "default", "trials": rows}
    dry = served.post("/kb/trials/ingest", json={**body, "dry_run": True}, headers=ADMIN).json()
    assert (dry["inserted"], dry["dry_run"]) == (3, True)
    assert served.post("/kb/trials/ingest", json=body, headers=ADMIN).json()["inserted"] == 3
    assert served.post("/kb/trials/ingest", json=body, headers=ADMIN).json()["skipped"] == 3
    assert len(served.get("/kb/trials").json()["trials"]) == 3


def test_a_bad_row_is_named_and_the_others_go_in_unless_all_or_none_is_asked_for(serve: Serve):
    served = serve()
    body = {"trials": [ROW, {**ROW, "source_id": "2", "sharpe_oos": "high"}]}
    refused = served.post("/kb/trials/ingest", json={**body, "strict": True}, headers=ADMIN)
    assert refused.status_code == 422
    assert served.get("/kb/trials").json()["trials"] == []
    report = served.post("/kb/trials/ingest", json=body, headers=ADMIN).json()
    assert (report["inserted"], report["error"]) == (1, 1)
    assert (report["rejects"][0]["row"], report["rejects"][0]["field"]) == (2, "sharpe_oos")
    assert "rejects_path" not in report


def test_every_problem_of_a_thousand_is_named(serve: Serve):
    rows = [{**ROW, "source_id": str(n), "sharpe_oos": "high"} for n in range(1200)]
    report = serve().post("/kb/trials/ingest", json={"trials": rows}, headers=ADMIN).json()
    assert (report["error"], report["problems"], len(report["rejects"])) == (1200, 1200, 1000)


def test_a_workspace_that_another_run_works_on_is_busy(serve: Serve, tmp_path: Path):
    home = tmp_path / "busy"
    served = serve(home, patience_s=0.1)
    served.post("/kb/trials/ingest", json={"trials": [ROW]}, headers=ADMIN)
    with tkb.connect(home, progress=False) as other:
        (target,) = other.use_cases.workspaces.targets(None)
        store = other.use_cases.store
        leases = Leases(store, clock=partial(datetime.now, UTC), new_id=lambda: "other")
        with leases.hold(target.workspace):
            answer = served.post("/kb/trials/ingest", json={}, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (409, "workspace_busy")
    assert int(answer.headers["retry-after"]) >= 1
    assert socket.gethostname() not in answer.text


def test_rows_with_other_names_are_mapped(serve: Serve):
    served = serve()
    row = {
        "id": "1",
        "strategy": "s",
        "params": {"fast": 3},
        "sr": 1.0,
        "from": "2020-01-01",
        "to": "2020-06-01",
    }
    body = {
        "trials": [row],
        "mapping": {
            "source_id": "id",
            "strategy_name": "strategy",
            "sharpe_oos": "sr",
            "oos_start": "from",
            "oos_end": "to",
        },
        "constants": {"timeframe": "1d", "symbol": "X"},
    }
    assert served.post("/kb/trials/ingest", json=body, headers=ADMIN).json()["inserted"] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"trials": []},
        {"trials": [{}]},
        {"trials": [{"nothing": 1}]},
        {"trials": "trials.parquet"},
        {"trials": [3]},
        {"mapping": {"sharpe_oos": 3}},
        {"dry_run": "yes"},
        {"path": "x"},
        {"trials": [ROW], "background": True},
    ],
)
def test_what_cannot_be_ingested_is_refused(served, changes):
    answer = served.post("/kb/trials/ingest", json=changes, headers=ADMIN)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert changes == {"trials": []}


def test_more_rows_than_are_taken_are_refused(serve: Serve, kept_home: Path):
    served = serve(kept_home, max_rows=2)
    answer = served.post("/kb/trials/ingest", json={"trials": [ROW] * 3}, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_rows")


def test_a_reembedding_is_a_job_that_ends(changed):
    answer = changed.post("/kb/reembed", json={"workspace_id": "default"}, headers=ADMIN)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/kb/jobs/{job['job_id']}"
    done = ended(changed, job)
    assert done["state"] == "succeeded", done
    assert done["progress"]["done"] == done["progress"]["total"]
    assert done["result"]["embedded"] == 26040
    assert [j["job_id"] for j in changed.get("/kb/jobs").json()["jobs"]] == [job["job_id"]]


def test_a_rotation_goes_into_the_new_collection(changed):
    body = {
        "workspace_id": "default",
        "target_model": "regime-cosine-v1",
        "target_collection": "kb_other_v1",
    }
    job = changed.post("/kb/reembed", json=body, headers=ADMIN).json()
    assert ended(changed, job)["result"]["collection"] == "kb_other_v1"


def test_a_job_asked_for_twice_under_one_key_is_one_job(changed):
    headers = {**ADMIN, "Idempotency-Key": "k1"}
    first = changed.post("/kb/reembed", json={}, headers=headers).json()
    second = changed.post("/kb/reembed", json={}, headers=headers).json()
    assert first["job_id"] == second["job_id"]
    other = changed.post("/kb/reembed", json={"restart": True}, headers=headers)
    assert other.status_code == 422


def test_an_unknown_model_is_refused_before_there_is_a_job(changed):
    answer = changed.post("/kb/reembed", json={"target_model": "nobody"}, headers=ADMIN)
    assert (answer.status_code, answer.json()["field"]) == (422, "target_model")
    assert "regime-cosine-v1" in answer.json()["detail"]


def test_a_job_that_cannot_be_done_says_why(changed, sample_copy: Path):
    with tkb.connect(sample_copy, progress=False) as kb:
        kb.use_cases.indexer.vectors.ensure_collection("kb_short", 8)
    body = {"target_collection": "kb_short"}
    done = ended(changed, changed.post("/kb/reembed", json=body, headers=ADMIN).json())
    assert done["state"] == "failed"
    assert "dimension" in done["error"]


def test_an_ingest_in_the_background_is_a_job(changed):
    body = {"workspace_id": "default", "background": True}
    answer = changed.post("/kb/trials/ingest", json=body, headers=ADMIN)
    assert answer.status_code == 202
    assert ended(changed, answer.json())["result"]["skipped"] == 26040


@pytest.mark.parametrize("job_id", ["x", "0" * 36, "%00", "a%2Fb"])
def test_a_job_that_does_not_exist_is_not_found(served, job_id):
    assert served.get(f"/kb/jobs/{job_id}").status_code == 404
    assert served.post(f"/kb/jobs/{job_id}/cancel", headers=ADMIN).status_code == 404


def test_a_rejected_trial_is_never_recommended_and_its_reason_is_kept(changed, sample_copy: Path):
    trial = changed.get("/kb/trials?strategy_name=bb_reversal&limit=1").json()["trials"][0]
    path = f"/kb/trials/{trial['trial_id']}/reject"
    assert changed.post(path, json={}, headers=ADMIN).json()["field"] == "reason"
    body = {"workspace_id": "default", "reason": "looked ahead", "actor": "ada"}
    dry = changed.post(path, json={**body, "dry_run": True}, headers=ADMIN).json()
    assert (dry["changed"], dry["dry_run"]) == (1, True)
    report = changed.post(path, json=body, headers=ADMIN).json()
    assert report["transitions"] == {"candidate_to_rejected": 1}
    with tkb.connect(sample_copy, progress=False) as kb:
        last = kb.history([trial["trial_id"]]).row(0, named=True)
    assert (last["actor"], last["reason"], last["to_status"]) == ("ada", "looked ahead", "rejected")
    restored = changed.post(
        f"/kb/trials/{trial['trial_id']}/promote", json={"reason": "it did not"}, headers=ADMIN
    )
    assert restored.json()["transitions"] == {"rejected_to_promoted": 1}


def test_a_trial_is_named_by_its_source_id_whatever_that_holds(serve: Serve):
    served = serve()
    rows = [{**ROW, "source_id": name} for name in ("a/b:1", "promote")]
    served.post("/kb/trials/ingest", json={"trials": rows}, headers=ADMIN)
    for name in ("a/b:1", "a%2Fb:1", "promote"):
        path = f"/kb/trials/{name}/promote?by=source_id"
        answer = served.post(path, json={}, headers=ADMIN)
        assert answer.status_code == 200, answer.text


def test_a_number_means_the_trial_or_its_sources_id_as_is_said(serve: Serve):
    served = serve()
    for name in ("2", "1"):
        body = {"trials": [{**ROW, "source_id": name, "params": {"fast": int(name)}}]}
        served.post("/kb/trials/ingest", json=body, headers=ADMIN)
    stored = {t["source_id"]: t["trial_id"] for t in served.get("/kb/trials").json()["trials"]}
    assert stored == {"2": 1, "1": 2}
    by_number = served.post("/kb/trials/1/promote", json={}, headers=ADMIN).json()
    by_name = served.post("/kb/trials/1/promote?by=source_id", json={}, headers=ADMIN).json()
    assert (by_number["trial_ids"], by_name["trial_ids"]) == ([1], [2])


@pytest.mark.parametrize("name", ["x", "-1", "1.5", "9" * 40, "²"])
def test_what_is_no_number_of_a_trial_is_refused(served, name):
    answer = served.post(f"/kb/trials/{name}/promote", json={}, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_trial_id")


def test_an_archived_trial_comes_back_with_the_next_ingest(changed):
    trial = changed.get("/kb/trials?limit=1").json()["trials"][0]["trial_id"]
    assert (
        changed.post(f"/kb/trials/{trial}/archive", json={}, headers=ADMIN).json()["changed"] == 1
    )
    assert changed.post("/kb/trials/ingest", json={}, headers=ADMIN).json()["unarchived"] == 1


def test_a_trial_that_does_not_exist_is_not_found(served):
    answer = served.post("/kb/trials/999999999/promote", json={}, headers=ADMIN)
    assert answer.status_code == 404


def test_rows_keep_the_types_of_their_values(serve: Serve):
    served = serve()
    rows = [
        {**ROW, "source_id": "a", "params": {"fast": 10, "kind": "ema"}},
        {**ROW, "source_id": "b", "params": {"fast": 2.5, "kind": None}},
    ]
    served.post("/kb/trials/ingest", json={"trials": rows}, headers=ADMIN)
    found = {t["source_id"]: t["params"] for t in served.get("/kb/trials").json()["trials"]}
    assert found == {"a": {"fast": 10, "kind": "ema"}, "b": {"fast": 2.5, "kind": None}}
    assert pl.DataFrame(found["a"]).schema["fast"] == pl.Int64
