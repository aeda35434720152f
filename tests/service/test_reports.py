"""What dashboards ask over HTTP: what happened, what is wrong, what is known of trials."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from tests.service.conftest import ADMIN, Serve
from tradingkb.client.tables import frame_of

RECOMMEND = "/kb/trials/recommend"


def rows(served: TestClient, path: str) -> list[dict[str, Any]]:
    answer = served.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def by_source(served: TestClient) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows(served, "/kb/events/rates?bucket=all&by=source"):
        found[row["source"]] += row["count"]
    return found


def test_rates_count_every_answer_but_probes(served: TestClient, question):
    before = by_source(served)
    for source in ("http", "probe", "runbook"):
        served.post(RECOMMEND, json={**question, "source": source})
    after = by_source(served)
    assert after - before == Counter(http=1, runbook=1)
    assert "probe" not in after
    hours = rows(served, "/kb/events/rates")
    assert sum(row["count"] for row in hours) == sum(after.values())
    assert all(row["at"].endswith(":00:00.000000Z") for row in hours)


def test_rejections_say_by_which_filter(served: TestClient, question):
    served.post(RECOMMEND, json={**question, "min_trades": 100_000})
    found = rows(served, "/kb/events/rejections?by=filter")
    (strict,) = [row for row in found if row["filter"] == "min_trades"]
    assert strict["requests"] >= 1
    assert strict["trials"] > 0


def test_one_answer_is_found_by_its_request_whatever_its_name(served: TestClient, question):
    for name in ("a/b?c=d", "..", "again"):
        asked = served.post(RECOMMEND, json=question, headers={"X-Request-ID": name}).json()
        assert asked["request_id"] == name
        path = name.replace("/", "%2F").replace("?", "%3F")
        path = path.replace(".", "%2E")
        found = served.get(f"/kb/events/{path}")
        assert found.json()["request_id"] == name
        assert isinstance(found.json()["filter_rejections"], list)
        again = served.post(f"/kb/events/{path}/again").json()
        assert again["same"] is True
        assert again["now"]["params"] == asked["params"]
    missing = served.get("/kb/events/of-nobody")
    assert (missing.status_code, missing.json()["field"]) == (404, "request_id")


def test_a_table_says_the_types_of_its_columns_when_it_is_empty_too(served: TestClient):
    full = served.get("/kb/trials?limit=3").json()
    empty = served.get("/kb/trials?limit=3&strategy_name=nobody").json()
    assert full["columns"] == empty["columns"]
    assert full["columns"]["params"] == "json"
    assert list(full["columns"]) == list(full["trials"][0])
    assert empty["trials"] == []
    assert frame_of(empty["columns"], []).schema["known_at"] == pl.Datetime("us", "UTC")


def test_trials_are_listed_in_an_order_and_within_bounds(served: TestClient):
    path = '/kb/trials?order=sharpe_oos&limit=50&ranges={"sharpe_oos": [null, 1.5]}'
    found = [row["sharpe_oos"] for row in served.get(path).json()["trials"]]
    assert found == sorted(found, reverse=True)
    assert 1.4 < found[0] <= 1.5
    upwards = served.get(f"{path}&descending=false").json()["trials"]
    assert upwards[0]["sharpe_oos"] < found[-1]


def test_of_several_values_any_is_meant(served: TestClient):
    counts = {
        query: served.get(f"/kb/trials/count?{query}").json()["count"]
        for query in ("symbol=AAPL", "symbol=GOOG", "symbol=AAPL&symbol=GOOG", "")
    }
    assert counts["symbol=AAPL&symbol=GOOG"] == counts["symbol=AAPL"] + counts["symbol=GOOG"]
    assert 0 < counts["symbol=AAPL"] < counts[""]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/kb/trials?ranges=x", "ranges"),
        ("/kb/trials?ranges=[1]", "ranges"),
        ('/kb/trials?ranges={"sharpe_oos": 1}', "sharpe_oos"),
        ('/kb/trials?ranges={"luck": [1, 2]}', "ranges"),
        ("/kb/trials?order=luck", "order"),
        ("/kb/trials?descending=perhaps", "descending"),
        ("/kb/trials?symbol=AAPL&symbol=", "symbol"),
        ("/kb/trials/count?limit=1", "limit"),
        ("/kb/trials/density?strategy_name=sma_cross&bins=0", "bins"),
        ("/kb/trials/density?strategy_name=sma_cross&x=luck", "x"),
        ("/kb/trials/density", "strategy_name"),
        ("/kb/trials/AAPL/history", "trial_id"),
        ("/kb/events/rates?bucket=year", "bucket"),
        ("/kb/events/rates?by=luck", "by"),
        ("/kb/events/rates?since=then", "since"),
        ("/kb/events/rates?since=2020-01-01&bucket=minute", "bucket"),
        ("/kb/events/rejections?by=source", "by"),
        ("/kb/changes?limit=1001", "limit"),
        ("/kb/breakers?workspace_id=default", "workspace_id"),
        ("/kb/breakers/changes?until=never", "until"),
    ],
)
def test_what_cannot_be_asked_for_is_named(served: TestClient, path, field):
    answer = served.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field
    assert answer.json()["remedy"]


def test_changes_tell_what_was_done_and_of_no_machine(changed: TestClient):
    trial = changed.get("/kb/trials?limit=1").json()["trials"][0]["trial_id"]
    changed.post(
        f"/kb/trials/{trial}/reject", json={"reason": "a slip", "actor": "me"}, headers=ADMIN
    )
    found = rows(changed, "/kb/changes")
    assert [row["kind"] for row in found[:2]] == ["status", "start"]
    assert found[0]["actor"] == "me"
    assert "ingest" in {row["kind"] for row in found}
    assert "/" not in "".join(row["what"] for row in found)
    (told,) = rows(changed, f"/kb/trials/{trial}/history")
    assert (told["to_status"], told["reason"]) == ("rejected", "a slip")


def test_many_trials_are_changed_at_once_or_none(changed: TestClient):
    listed = changed.get("/kb/trials?limit=3").json()["trials"]
    trials = [row["trial_id"] for row in listed]
    body = {"action": "reject", "trials": [*trials, 10**9], "reason": "a slip"}
    assert changed.post("/kb/trials/curate", json=body, headers=ADMIN).status_code == 404
    assert changed.get("/kb/trials/count?kb_status=rejected").json()["count"] == 0
    body["trials"] = trials
    tried = changed.post("/kb/trials/curate", json={**body, "dry_run": True}, headers=ADMIN)
    assert (tried.json()["dry_run"], tried.json()["changed"]) == (True, 3)
    assert changed.get("/kb/trials/count?kb_status=rejected").json()["count"] == 0
    done = changed.post("/kb/trials/curate", json=body, headers=ADMIN).json()
    assert (done["actor"], done["changed"]) == ("http", 3)
    assert changed.get("/kb/trials/count?kb_status=rejected").json()["count"] == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "delete", "trials": [1]}, "action"),
        ({"action": "promote", "trials": []}, "trials"),
        ({"action": "promote", "trials": ["1"]}, "trials"),
        ({"action": "promote", "trials": [-1]}, "trials"),
        ({"action": "promote"}, "trials"),
        ({"trials": [1]}, "action"),
        ({"action": "reject", "trials": [1]}, "reason"),
    ],
)
def test_what_cannot_be_done_to_trials_is_named(served: TestClient, body, field):
    answer = served.post("/kb/trials/curate", json=body, headers=ADMIN)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field


def test_a_regime_is_measured_from_a_file_or_from_json_and_recorded_nowhere(
    served: TestClient, data
):
    before = rows(served, "/kb/events/rates?bucket=all")
    path = data / "ohlcv" / "AAPL_1d.parquet"
    upload = {"request": (None, "{}"), "ohlcv": ("AAPL_1d.parquet", path.read_bytes())}
    of_file = served.post("/kb/regime", files=upload).json()
    bars = pl.read_parquet(path).with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    body = {"ohlcv": bars.to_dict(as_series=False), "symbol": "AAPL", "timeframe": "1d"}
    assert served.post("/kb/regime", json=body).json() == of_file
    assert (of_file["symbol"], of_file["timeframe"]) == ("AAPL", "1d")
    nothing = served.post("/kb/regime", json={})
    assert (nothing.status_code, nothing.json()["field"]) == (422, "ohlcv")
    assert rows(served, "/kb/events/rates?bucket=all") == before


def test_a_token_shows_its_own_workspace_alone(serve: Serve, sample_copy):
    import tradingkb as tkb

    with tkb.connect(sample_copy, progress=False) as kb:
        kb.create_workspace("desk")
    served = serve(sample_copy, workspace_tokens={"desk": "token-of-desk", "x": "token-of-x"})
    own = {"Authorization": "Bearer token-of-desk"}
    for headers, slugs in (
        (own, ["desk"]),
        ({"Authorization": "Bearer token-of-x"}, []),
        (ADMIN, ["default", "desk"]),
    ):
        found = served.get("/kb/workspaces", headers=headers).json()["rows"]
        assert sorted(row["slug"] for row in found) == slugs
    for path in ("/kb/workspaces", "/kb/breakers", "/kb/breakers/changes", "/kb/objectives"):
        assert served.get(path).status_code == 401
        assert served.get(path, headers=own).status_code == 200
    for path in ("/kb/problems", "/kb/freshness", "/kb/events/x", "/kb/strategies/sma_cross"):
        assert served.get(path, headers=own).status_code == 403
