"""The form: the question that it asks, the link that opens it, and the file that it takes."""

from __future__ import annotations

import ast
from io import BytesIO

import polars as pl
import pytest

import tradingkb as tkb
from dashboard.views import asking
from dashboard.views.asking import Form
from dashboard.views.rejections import structure
from tradingkb.domain import FEATURE_INFO, FEATURES, STRICT, TAGS, Regime
from tradingkb.exceptions import InvalidOHLCVError, InvalidRegimeError
from tradingkb.plain import STRUCTURES
from tradingkb.recommend import question_of
from tradingkb.service.bodies import RecommendBody

FULL = Form(
    strategy_name="bb_reversal",
    objective_type="sortino",
    market=asking.STATED,
    symbol=" AAPL ",
    timeframe="1d",
    tags=("uptrend",),
    features={"rsi": 60.0},
    require_oos="no",
    max_drawdown=0.3,
    min_trades=10,
    max_overfit_gap=0.5,
    regime_tags=("low_volatility",),
    as_of="2012-01-31",
    strategy_version="1",
    min_deflated_sharpe=0.5,
    max_pbo=0.4,
)


def test_a_form_that_says_nothing_asks_for_the_strategy_alone():
    assert asking.question(Form("bb_reversal"), "default") == {
        "workspace_id": "default",
        "strategy_name": "bb_reversal",
        "objective_type": "sharpe",
        "source": "dashboard",
    }


def test_every_field_is_one_that_the_service_takes():
    asked = asking.question(FULL, "default")
    body = RecommendBody.model_validate(asked)
    left = {"ohlcv", "own_trials", "deadline_s"}
    assert {n for n, v in body.model_dump().items() if v is None} == left
    assert (body.symbol, body.require_oos) == ("AAPL", False)
    assert body.regime is not None
    assert Regime.from_dict(dict(body.regime)).features["rsi"] == 60.0


def test_only_the_market_that_is_picked_is_asked_with():
    bars, regime = pl.DataFrame({"close": [1.0]}), {"features": {}}
    for market, given in (
        (asking.ANY, set()),
        (asking.UPLOAD, {"ohlcv"}),
        (asking.RECORDED, {"regime"}),
    ):
        asked = asking.question(Form("s", market=market), "w", regime=regime, ohlcv=bars)
        assert set(asked) & {"ohlcv", "regime"} == given


def test_what_contradicts_itself_is_refused_before_it_is_asked():
    with pytest.raises(InvalidRegimeError, match="contradict"):
        asking.question(Form("s", market=asking.STATED, tags=("uptrend", "downtrend")), "w")


def test_stating_nothing_is_no_regime():
    assert "regime" not in asking.question(Form("s", market=asking.STATED), "w")


def test_a_link_carries_what_is_not_as_the_form_begins():
    assert asking.link(Form("bb_reversal")) == {"strategy_name": "bb_reversal"}
    found = asking.link(FULL)
    assert (found["features"], found["rsi"], found["tags"]) == (["rsi"], "60", ["uptrend"])
    assert {"objective_type", "max_pbo", "as_of"} <= set(found)


def test_the_pasted_python_asks_the_same(sample):
    code = asking.in_python(FULL, "default")
    call = ast.parse(code).body[-1].value
    told = {k.arg: k.value for k in call.keywords}
    assert ast.literal_eval(call.args[0]) == "bb_reversal"
    asked = asking.question(FULL, "default")
    for name in set(asked) - {"workspace_id", "strategy_name", "source", "regime"}:
        assert ast.literal_eval(told[name]) == asked[name]
    place = {"kb": sample, "tradingkb": tkb}
    answer = eval(code.partition("connect()\n")[2], place)
    assert answer.regime == Regime.stated(tags=["uptrend"], features={"rsi": 60.0})


@pytest.mark.parametrize("tail", ["market=Upload", "market=Recorded"])
def test_pasted_python_names_the_file_or_the_recorded_answer(tail):
    market = tail.removeprefix("market=")
    code = asking.in_python(Form("s", market=market, regime_of="r'1"), "other", "AAPL_1d.csv")
    ast.parse(code)
    assert "workspace='other'" in code
    assert ("ohlcv='AAPL_1d.csv'" in code) == (market == asking.UPLOAD)
    assert ("kb.event(\"r'1\", 'other')" in code) == (market == asking.RECORDED)


def test_a_recorded_question_fills_the_form_so_that_it_asks_the_same(sample, clock):
    answer = sample.recommend(
        "bb_reversal",
        regime=["ranging"],
        symbol="AAPL",
        timeframe="1d",
        require_oos=False,
        max_drawdown=0.4,
        max_overfit_gap=float("inf"),
        regime_tags=["ranging"],
        min_deflated_sharpe=0.1,
        request_id="of-then",
    )
    (event,) = sample.event_page(where={"request_id": "of-then"}).rows.to_dicts()
    read = {n: structure(value) if n in STRUCTURES else value for n, value in event.items()}
    fields = asking.of_event(read)
    assert fields["regime_of"] == "of-then"
    form = Form(**{**fields, "features": {}})
    asked = asking.question(form, "default", regime=read["regime"])
    names = ("require_oos", "max_drawdown", "min_deflated_sharpe", "regime_tags")
    assert [asked[n] for n in names] == [False, 0.4, 0.1, ["ranging"]]
    assert asked["max_overfit_gap"] == asking.NO_GAP
    del asked["workspace_id"], asked["source"]
    again = sample.recommend(**asked)
    assert (again.params, again.after_strict) == (answer.params, answer.after_strict)
    assert question_of(event).strategy_name == form.strategy_name


@pytest.mark.parametrize(
    ("name", "value", "fields"),
    [
        ("require_oos", False, {"require_oos": "no"}),
        ("min_trades", 3, {"min_trades": 3}),
        ("max_drawdown", 0.30987654, {"max_drawdown": 0.3099}),
        ("max_overfit_gap", 0.41, {"max_overfit_gap": 0.41}),
        ("regime_tags", [], {"regime_tags": []}),
    ],
)
def test_a_relaxation_becomes_the_field_that_asks_with_it(name, value, fields):
    assert asking.relaxed(name, value) == fields


def test_the_form_says_what_holds_where_it_is_left_open_and_who_says_so():
    assert set(asking.defaults(None)) == set(vars(STRICT)) - {"unknown_passes"}
    found = asking.defaults({"floors": {"min_trades": 20, "max_overfit_gap": float("inf")}})
    assert found["min_trades"] == "20, the strategy's"
    assert found["max_overfit_gap"] == "off, the strategy's"
    assert found["max_drawdown"] == "0.25, by default"


@pytest.mark.parametrize("feature", FEATURES)
def test_every_value_of_a_slider_can_be_stated(feature):
    values = asking.steps(feature)
    assert values == sorted(set(values))
    assert 20 <= len(values) <= 130
    low, high = FEATURE_INFO[feature].low, FEATURE_INFO[feature].high
    for value in (values[0], asking.first_value(feature, ()), values[-1]):
        assert low <= value <= high
        assert Regime.stated(features={feature: value}).features[feature] == value
        assert float(f"{value:g}") == value, "it is read back from the URL as it was written"


@pytest.mark.parametrize("tag", TAGS)
def test_a_slider_that_is_added_beside_a_tag_does_not_contradict_it(tag):
    for feature in Regime.stated(tags=[tag]).features:
        first = asking.first_value(feature, [tag])
        assert tag in Regime.stated(tags=[tag], features={feature: first}).tags


def test_a_file_of_bars_is_read_with_the_names_that_it_says(data):
    frame, symbol, timeframe = asking.read_upload(
        "AAPL_1d.parquet", (data / "ohlcv" / "AAPL_1d.parquet").read_bytes()
    )
    assert frame.equals(pl.read_parquet(data / "ohlcv" / "AAPL_1d.parquet"))
    assert (symbol, timeframe) == ("AAPL", "1d")
    assert asking.read_upload("bars.csv", b"ts,close\n2020-01-01,1\n")[1:] == ("", "")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("big.csv", b"0" * 50_000_000, "50 MB, and 20 MB are taken"),
        ("notes.txt", b"hello", "neither CSV nor Parquet"),
        ("broken.parquet", b"PAR1 and nothing", "cannot be read"),
        ("empty.csv", b"", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_to_do(name, content, said):
    with pytest.raises(InvalidOHLCVError, match=said) as refused:
        asking.read_upload(name, content)
    assert refused.value.remedy.startswith("upload")


def test_a_zipped_table_too_large_for_memory_is_not_unpacked():
    buffer = BytesIO()
    pl.DataFrame({"ts": pl.zeros(asking.MOST_BARS + 1, dtype=pl.Int8, eager=True)}).write_parquet(
        buffer
    )
    with pytest.raises(InvalidOHLCVError, match="rows"):
        asking.read_upload("bomb.parquet", buffer.getvalue())
