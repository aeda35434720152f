"""POST /kb/trials/recommend: the answers of `kb.recommend`, encoded once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

import tradingkb as tkb
from tests.service.conftest import ADMIN, Serve
from tradingkb.service.encoding import json_response

PATH = "/kb/trials/recommend"
#: What differs between two answers to one question.
OWN = ("request_id", "at", "timings")


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in names}


def bars(data: Path) -> pl.DataFrame:
    return pl.read_parquet(data / "ohlcv" / "AAPL_1d.parquet").tail(300)


def rows_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return json.loads(
        frame.with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_json()
    )


def test_an_answer_is_that_of_python(served: TestClient, kept_home: Path, question):
    over_http = served.post(f"{PATH}?include=evidence,trials", json=question).json()
    with tkb.connect(kept_home, progress=False) as kb:
        here = kb.recommend("bb_reversal", "sharpe", regime=["uptrend"]).to_dict()
    said = ("suggested_actions", "notes")  # in the words of HTTP
    assert without(over_http, *OWN, *said) == json.loads(json.dumps(without(here, *OWN, *said)))


def test_the_tables_of_an_answer_come_when_they_are_asked_for(served: TestClient, question):
    plain = served.post(PATH, json=question).json()
    assert "evidence" not in plain
    assert "trials" not in plain
    assert served.post(f"{PATH}?include=evidence", json=question).json()["evidence"]
    debug = served.post(f"{PATH}?mode=debug", json=question).json()
    assert debug["evidence"]
    assert debug["trials"]
    assert debug["debug"]


def test_the_fields_that_runbooks_read_are_there(served: TestClient, question):
    narrow = {**question, "min_trades": 100_000, "max_drawdown": 0.001}
    answer = served.post(f"{PATH}?mode=debug", json=narrow).json()
    assert answer["status"] in ("none", "degraded")
    assert {"filter", "fails", "fails_only"} <= set(answer["filter_rejections"][0])
    assert isinstance(answer["recommended_relaxed_settings"], list)
    assert {"status", "confidence"} <= set(answer)


def test_a_workspace_is_named_by_slug_or_id(served: TestClient, kept_home: Path, question):
    with tkb.connect(kept_home, progress=False) as kb:
        space = kb.workspaces()["id"][0]
    by_id = served.post(PATH, json={**question, "workspace_id": space}).json()
    by_slug = served.post(PATH, json=question).json()
    assert by_id["params"] == by_slug["params"]


def test_bars_as_rows_columns_parquet_and_csv_are_one_market(served: TestClient, data, tmp_path):
    frame = bars(data)
    asked = {"strategy_name": "bb_reversal", "symbol": "AAPL", "timeframe": "1d"}
    rows = rows_of(frame)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    frame.write_parquet(tmp_path / "AAPL_1d.parquet")
    frame.write_csv(tmp_path / "AAPL_1d.csv")
    named = json.dumps({"strategy_name": "bb_reversal"})
    answers = [
        served.post(PATH, json={**asked, "ohlcv": rows}),
        served.post(PATH, json={**asked, "ohlcv": columns}),
        *(
            served.post(
                PATH,
                data={"request": named},
                files={"ohlcv": (f"AAPL_1d.{kind}", (tmp_path / f"AAPL_1d.{kind}").read_bytes())},
            )
            for kind in ("parquet", "csv")
        ),
    ]
    assert [a.status_code for a in answers] == [200] * 4, [a.text[:300] for a in answers]
    first, *others = (without(a.json(), *OWN) for a in answers)
    assert first["regime"]["source"] == "measured"
    for other in others:
        assert other["regime"]["features"] == pytest.approx(first["regime"]["features"], rel=1e-9)
        assert (other["params"], other["symbol"]) == (first["params"], "AAPL")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"strategy_name": ""}, "strategy_name"),
        ({"strategy_name": None}, "strategy_name"),
        ({"strategy_name": 3}, "strategy_name"),
        ({"workspace_id": None}, "workspace_id"),
        ({"workspace_id": ""}, "workspace_id"),
        ({"min_trades": "5"}, "min_trades"),
        ({"min_trades": 2.5}, "min_trades"),
        ({"min_trades": True}, "min_trades"),
        ({"max_drawdown": "0.5"}, "max_drawdown"),
        ({"max_drawdown": -1}, "max_drawdown"),
        ({"require_oos": "yes"}, "require_oos"),
        ({"ohlcv": "prices/AAPL_1d.parquet"}, "ohlcv"),
        ({"ohlcv": 5}, "ohlcv"),
        ({"own_trials": "trials.csv"}, "own_trials"),
        ({"regime": "uptrend"}, "regime"),
        ({"as_of": 2020}, "as_of"),
        ({"deadline_s": 0}, "deadline_s"),
        ({"max_pbo": 1.5}, "max_pbo"),
        ({"source": "python"}, "source"),
        ({"stratgy": "x"}, "stratgy"),
        ({"regime": ["uptrnd"]}, None),
        ({"objective_type": "sharp"}, "objective_type"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"timeframe": "banana"}, None),
        ({"regime_tags": ["nothing"]}, None),
        ({"ohlcv": []}, None),
        ({"ohlcv": {}}, None),
        ({"ohlcv": [{}]}, None),
        ({"ohlcv": {"ts": [1], "open": [1, 2]}}, "ohlcv"),
        ({"ohlcv": [{"ts": "2020-01-01", "open": "one", "high": [], "low": {}, "close": 1}]}, None),
        ({"own_trials": [{"params": 3}]}, None),
        ({"own_trials": []}, None),
    ],
)
def test_what_cannot_be_used_is_named_with_a_remedy(served: TestClient, question, changes, field):
    without_regime = {k: v for k, v in question.items() if k != "regime" or "ohlcv" not in changes}
    answer = served.post(PATH, json={**without_regime, **changes})
    found = answer.json()
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert found["remedy"]
    assert found["request_id"] == answer.headers["x-request-id"]
    if field is not None:
        assert found["field"] == field


def test_a_bad_bar_is_named_by_its_row(served: TestClient, data, question):
    rows = rows_of(bars(data))
    rows[6]["close"] = -1.0
    asked = {"strategy_name": "bb_reversal", "ohlcv": rows}
    found = served.post(PATH, json=asked).json()
    assert (found["status"], found["row"], found["field"]) == (422, 7, "close")


def test_more_bars_than_are_taken_are_refused_before_they_are_read(serve, kept_home, data):
    served = serve(kept_home, max_rows=100)
    answer = served.post(PATH, json={"strategy_name": "sma_cross", "ohlcv": rows_of(bars(data))})
    assert answer.status_code == 413
    assert "100" in answer.json()["detail"]
    frame = pl.DataFrame({"ts": [0] * 200_000})  # unpacks to thousands of times its size
    frame.write_parquet("bomb_1d.parquet")
    answer = served.post(
        PATH,
        data={"request": '{"strategy_name": "sma_cross"}'},
        files={"ohlcv": ("bomb_1d.parquet", Path("bomb_1d.parquet").read_bytes())},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.parquet", b"PAR1 not"),
        ("x.csv", b"\xff\xfe\x00"),
        ("x.exe", b"MZ"),
        ("x.csv", b""),
    ],
)
def test_a_file_that_holds_no_bars_is_refused(served: TestClient, name, content):
    answer = served.post(
        PATH,
        data={"request": '{"strategy_name": "sma_cross"}'},
        files={"ohlcv": (name, content)},
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["remedy"]


def test_a_form_without_its_fields_is_refused(served: TestClient):
    for form in ({"files": {"ohlcv": ("x.csv", b"a")}}, {"files": {"other": ("x.csv", b"a")}}):
        answer = served.post(PATH, **form)
        assert answer.status_code == 422
        assert "request" in answer.json()["detail"]
    broken = served.post(PATH, content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert broken.status_code == 400


def test_an_answer_that_is_not_ready_in_time_says_so(served: TestClient, question):
    answer = served.post(PATH, json={**question, "deadline_s": 1e-6})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


def test_the_time_that_a_request_waited_is_part_of_its_deadline(
    serve: Serve, kept_home: Path, question
):
    ticks = iter([0.0] + [1000.0] * 1000)
    served = serve(kept_home, monotonic=lambda: next(ticks))
    answer = served.post(PATH, json=question)
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


def test_an_event_says_who_asked_and_under_which_name(served: TestClient, question):
    asked = {**question, "source": "dashboard"}
    served.post(PATH, json=asked, headers={"X-Request-ID": "mine-1"})
    event = served.get("/kb/events?request_id=mine-1").json()["events"][0]
    assert (event["source"], event["request_id"]) == ("dashboard", "mine-1")


def test_advice_is_in_the_words_of_http(served: TestClient, question):
    texts = json.dumps(served.post(PATH, json=question).json())
    texts += json.dumps(served.post(PATH, json={**question, "strategy_name": "nobody"}).json())
    served.post("/kb/trials/archive", headers=ADMIN)
    assert "kb." not in texts


def test_nan_and_infinity_are_no_json(served: TestClient):
    for body in (b'{"strategy_name": "s", "max_drawdown": NaN}', b'{"a": Infinity}', b"[", b"\xff"):
        answer = served.post(PATH, content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "no_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"text"'])
def test_a_body_that_is_no_object_is_refused(served: TestClient, body):
    answer = served.post(PATH, content=body)
    assert answer.status_code == 422
    assert "JSON object" in answer.json()["remedy"]


def test_a_request_without_a_body_is_refused(served: TestClient):
    assert served.post(PATH).json()["code"] == "empty_body"


def test_a_number_too_large_for_any_count_is_refused(served: TestClient, question):
    answer = served.post(PATH, json={**question, "min_trades": 10**30})
    assert answer.status_code in (400, 422)
    answer = served.post(PATH, json={**question, "min_trades": 2**60})
    assert answer.status_code in (200, 422)


def test_columns_of_whole_and_broken_numbers_are_numbers(served: TestClient, data):
    """JSON writes 100.0 as 100."""
    rows = rows_of(bars(data))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for name in ("open", "high", "low", "close"):
        columns[name] = [round(p) if n % 3 == 0 else float(p) for n, p in enumerate(columns[name])]
    columns["high"] = [float(h) + 1 for h in columns["high"]]
    columns["low"] = [float(low) - 1 for low in columns["low"]]
    answer = served.post(PATH, json={"strategy_name": "bb_reversal", "ohlcv": columns})
    assert answer.status_code == 200, answer.text


def test_a_file_that_unpacks_to_far_more_is_refused_and_not_unpacked(served: TestClient, tmp_path):
    times = {"ts": ["x" * 10_000_000], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]}
    many = {f"c{n}": [1.0] for n in range(2000)}
    for name, columns, status in (("texts", times, 422), ("columns", many, 413)):
        pl.DataFrame(columns).write_parquet(tmp_path / name, compression="zstd")
        answer = served.post(
            PATH,
            data={"request": '{"strategy_name": "sma_cross"}'},
            files={"ohlcv": ("x_1d.parquet", (tmp_path / name).read_bytes())},
        )
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("field", ["ohlcv", "own_trials"])
def test_rows_that_each_have_names_of_their_own_are_refused(served: TestClient, field):
    rows = [{f"a{n}": 1} for n in range(4000)]
    answer = served.post(PATH, json={"strategy_name": "sma_cross", field: rows})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_columns")


def test_a_table_of_too_many_columns_is_refused(served: TestClient):
    answer = served.post(
        PATH,
        data={"request": '{"strategy_name": "sma_cross"}'},
        files={"ohlcv": ("x_1d.csv", b"a," * 200_000 + b"\n")},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_columns")


def test_a_name_of_many_letters_is_answered_at_once_and_not_repeated(served: TestClient, question):
    name = "a." * 20_000 + "a"
    answer = served.post(PATH, json={**question, "regime": {name: 1}})
    assert answer.status_code == 422
    assert len(answer.content) < 5_000


@pytest.mark.parametrize("field", ["symbol", "strategy_name", "strategy_version", "objective_type"])
def test_a_name_with_a_nul_is_refused(served: TestClient, question, field):
    answer = served.post(PATH, json={**question, field: "x\u0000y"})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_an_answer_with_a_number_of_more_than_64_bits_is_sent():
    assert json.loads(json_response({"a": 10**30}).body) == {"a": 10**30}


def test_parameters_of_a_query_that_are_none_are_refused(served: TestClient, question):
    answer = served.post(f"{PATH}?inclde=trials", json=question)
    assert (answer.status_code, answer.json()["field"]) == (422, "inclde")
    assert "include" in answer.json()["remedy"]


def test_a_question_that_does_not_get_its_turn_in_time_says_so(
    serve: Serve, kept_home: Path, question
):
    served = serve(kept_home)
    turns = served.app.state.service.turns
    assert turns.acquire(blocking=False)
    try:
        answer = served.post(PATH, json={**question, "deadline_s": 0.05})
    finally:
        turns.release()
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    assert served.post(PATH, json=question).status_code == 200
