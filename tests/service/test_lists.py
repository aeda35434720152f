"""What is stored, page by page over HTTP."""

from __future__ import annotations

import pytest

from tests.service.conftest import walked


def test_pages_of_trials_hold_all_of_them_once(served):
    path = "/kb/trials?strategy_name=sma_cross&symbol=GOOG&timeframe=1d&limit=400"
    found = walked(served, path, "trials")
    ids = [row["trial_id"] for row in found]
    assert len(set(ids)) == len(ids) > 400
    assert ids == sorted(ids, reverse=True)
    assert {row["symbol"] for row in found} == {"GOOG"}


def test_structures_are_sent_as_what_they_are(served, question):
    trial = served.get("/kb/trials?limit=1").json()["trials"][0]
    assert isinstance(trial["params"], dict)
    assert isinstance(trial["regime_oos"], dict)
    served.post("/kb/trials/recommend", json=question)
    event = served.get("/kb/events?limit=1").json()["events"][0]
    assert isinstance(event["filter_rejections"], list)
    assert event["question"]["overrides"] == {}


def test_pages_of_events_hold_all_of_them_once_newest_first(served, question):
    for _ in range(5):
        served.post("/kb/trials/recommend", json=question)
    found = walked(served, "/kb/events?limit=2&strategy_name=bb_reversal", "events")
    times = [row["at"] for row in found]
    assert len(found) >= 5
    assert times == sorted(times, reverse=True)


def test_the_summary_counts_answers_by_status_and_leaves_probes_out(served, question):
    before = served.get("/kb/events/summary").json()["total"]
    for source in ("http", "probe"):
        served.post("/kb/trials/recommend", json={**question, "source": source})
    after = served.get("/kb/events/summary").json()
    assert sum(after["total"].values()) == sum(before.values()) + 1
    assert sum(row["count"] for row in after["by_strategy"]) == sum(after["total"].values())


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/kb/trials?limit=0", "limit"),
        ("/kb/trials?limit=1001", "limit"),
        ("/kb/trials?limit=x", "limit"),
        ("/kb/trials?kb_status=good", "kb_status"),
        ("/kb/trials?cursor=x", "cursor"),
        ("/kb/trials?workspace_id=", "workspace_id"),
        ("/kb/events?cursor=1", "cursor"),
        ("/kb/events?status=bad", "status"),
        ("/kb/events/summary?hours=0", "hours"),
        ("/kb/events/summary?hours=nan", "hours"),
        ("/kb/events/summary?hours=inf", "hours"),
        ("/kb/jobs?state=asleep", "state"),
        ("/kb/trials?strategy=sma", "strategy"),
        ("/kb/events?since=yesterday", "since"),
    ],
)
def test_what_cannot_be_asked_for_is_named(served, path, field):
    answer = served.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field
    assert answer.json()["remedy"]


def test_an_unknown_workspace_is_named_with_near_ones(served):
    answer = served.get("/kb/trials?workspace_id=defualt")
    assert answer.status_code == 404
    assert "default" in answer.json()["remedy"]
