"""The page Recommend: with data, on an empty store, and while nobody answers."""

from __future__ import annotations

import polars as pl
import pytest
import streamlit as st

import tradingkb as tkb
from tests.dashboard.asked import asked, button, recorded
from tests.dashboard.conftest import NOBODY, shown
from tests.small_store import trials

ODD = "<script>alert(1)</script>|$x$ :material/x: **b** [l](http://x)"
#: Stated limits that no trial keeps, and that one relaxation alone would mend.
TOO_STRICT = {"max_drawdown": "0.004", "min_trades": "60"}


def test_an_empty_store_says_how_something_comes_to_be_here(opened, tmp_path):
    tkb.connect(tmp_path / "home", progress=False).close()
    app = opened("recommend", home=tmp_path / "home")
    assert not app.exception
    assert "No strategy yet" in shown(app)


def test_while_nobody_answers_the_page_says_so_and_stands(opened):
    app = opened("recommend", url=NOBODY, strategy_name="bb_reversal")
    assert not app.exception
    assert "does not answer" in shown(app)


def test_a_question_outlives_an_outage_and_is_asked_when_somebody_answers(
    opened, busy_home, monkeypatch
):
    link = {"strategy_name": "bb_reversal", "min_trades": "7", "objective_type": "return"}
    app = opened("recommend", url=NOBODY, **link)
    assert "does not answer" in shown(app)
    assert button(app, "ask").disabled
    assert app.number_input(key="min_trades").value == 7
    monkeypatch.delenv("TRADINGKB_SERVICE_URL")
    monkeypatch.setenv("TRADINGKB_HOME", str(busy_home))
    st.cache_data.clear()
    st.cache_resource.clear()
    app.run()
    assert not app.exception
    assert "usable" in shown(app)
    (event,) = asked(busy_home).to_dicts()
    assert (event["strategy_name"], event["objective_type"]) == ("bb_reversal", "return")


def test_nothing_is_asked_before_a_strategy_is_chosen(opened, busy_home):
    app = opened("recommend", home=busy_home)
    assert button(app, "ask").disabled
    assert asked(busy_home).is_empty()


def test_a_link_asks_its_question_once(opened, busy_home):
    link = {"strategy_name": "bb_reversal", "market": "Stated", "tags": "ranging"}
    app = opened("recommend", home=busy_home, max_drawdown="0.3", require_oos="no", **link)
    assert not app.exception
    app.run()
    text = shown(app)
    assert "usable" in text
    assert "max_drawdown=0.3" in text, "the question in Python"
    (event,) = asked(busy_home).to_dicts()
    assert event["strategy_name"] == "bb_reversal"
    assert '"max_drawdown":0.3' in event["question"].replace(" ", "")
    assert '"require_oos":false' in event["question"].replace(" ", "")
    assert "ranging" in event["regime_tags"]


def test_a_link_to_a_strategy_that_is_not_here_asks_nothing(opened, busy_home):
    app = opened("recommend", home=busy_home, strategy_name=ODD)
    assert "No strategy" in shown(app)
    assert "<script>" not in shown(app)
    assert asked(busy_home).is_empty()


def test_bogus_values_in_a_link_are_left_out_and_said(opened, busy_home):
    bogus = {"max_drawdown": "lots", "tags": "sideways", "market": "Mars", "min_trades": "-4"}
    app = opened("recommend", home=busy_home, strategy_name="bb_reversal", **bogus)
    assert not app.exception
    assert "usable" in shown(app)
    for name in ("max_drawdown", "market", "min_trades"):
        assert f"{name}={bogus[name]}" in shown(app)


def test_a_link_that_can_be_used_leaves_nothing_out(opened, busy_home):
    link = {"max_drawdown": "0.30", "min_trades": "5", "market": "Stated", "tags": "ranging"}
    link |= {"require_oos": "no", "objective_type": "sharpe", "as_of": "2024-01-31"}
    app = opened("recommend", home=busy_home, strategy_name="bb_reversal", **link)
    assert not app.exception
    assert "Left out" not in shown(app)


def test_a_relaxation_is_tried_with_one_click(opened, busy_home):
    app = opened("recommend", home=busy_home, strategy_name="bb_reversal", **TOO_STRICT)
    assert "no parameters are defensible" in shown(app)
    tries = [b for b in app.button if b.key.startswith("try_")]
    tries[0].click().run()
    assert not app.exception
    assert "no parameters are defensible" not in shown(app)
    changed = app.number_input(key="max_drawdown").value
    assert changed > 0.004
    assert float(app.query_params["max_drawdown"]) == changed, "the link asks the relaxed one"
    assert asked(busy_home).height == 2


def test_a_changed_form_says_that_the_answer_is_to_the_question_before(opened, busy_home):
    app = opened("recommend", home=busy_home, strategy_name="bb_reversal")
    assert "changed since" not in shown(app)
    app.number_input(key="min_trades").set_value(7).run()
    assert "changed since" in shown(app)
    button(app, "ask").click().run()
    assert "changed since" not in shown(app)
    button(app, "clear").click().run()
    assert app.number_input(key="min_trades").value is None


def upload(app, name, content):
    return app.file_uploader(key="bars").set_value((name, content, "text/csv")).run()


def test_uploaded_bars_are_measured_and_asked_with(opened, busy_home, data):
    app = opened("recommend", home=busy_home, strategy_name="bb_reversal", market="Upload")
    assert "cannot carry a file" in shown(app), "the link's file is missing"
    upload(app, "AAPL_1d.parquet", (data / "ohlcv" / "AAPL_1d.parquet").read_bytes())
    assert "250 bars up to 2013-03-01" in shown(app)
    button(app, "ask").click().run()
    assert not app.exception
    assert "AAPL 1d" in shown(app)
    assert "Measured: ranging" in shown(app)
    assert any("without the file" in link.label for link in app.get("page_link"))
    assert asked(busy_home)["market_kind"].to_list() == ["measured"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello\n1\n", "column"),
        (b"ts,open,high,low,close\n2020-01-01,1,2,0.5,1\n2020-01-02,1,0.1,0.5,1\n", "row 2"),
        (b"x" * 21_000_000, "21 MB, and 20 MB are taken"),
    ],
)
def test_bars_that_cannot_be_used_are_refused_with_the_library_s_words(
    opened, busy_home, content, said
):
    app = opened("recommend", home=busy_home, market="Upload")
    upload(app, "bars.csv", content)
    assert not app.exception
    assert said in shown(app)


def test_what_is_stated_against_itself_is_said_before_it_is_asked(opened, busy_home):
    app = opened("recommend", home=busy_home, market="Stated")
    app.multiselect(key="tags").set_value(["uptrend", "downtrend"]).run()
    assert "contradict each other" in shown(app)


def test_a_feature_that_is_stated_has_its_slider_and_its_place_in_the_link(opened, busy_home):
    app = opened("recommend", home=busy_home, market="Stated", features="rsi", rsi="71")
    assert app.select_slider(key="rsi").value == 71.0


def test_a_recorded_regime_is_asked_with(opened, busy_home):
    name = recorded(busy_home, regime=["oversold"])
    link = {"strategy_name": "macd_trend", "market": "Recorded", "regime_of": name}
    app = opened("recommend", home=busy_home, **link)
    assert "Stated, not measured: oversold" in shown(app)


@pytest.mark.parametrize(
    ("regime_of", "said"),
    [("", "no request is named"), ("nobody", "nobody"), ("of-then", "market")],
)
def test_a_recorded_regime_that_is_not_there_is_said(opened, busy_home, regime_of, said):
    recorded(busy_home)
    link = {"strategy_name": "macd_trend", "market": "Recorded", "regime_of": regime_of}
    app = opened("recommend", home=busy_home, **link)
    assert not app.exception
    assert "The answer: not possible" in shown(app)
    assert said in shown(app)


def test_names_from_data_are_shown_as_text(opened, tmp_path):
    home = tmp_path / "home"
    with tkb.connect(home, progress=False) as kb:
        rows = trials(n_windows=6, fasts=(5, 10, 20)).with_columns(
            strategy_name=pl.lit(ODD), symbol=pl.lit(ODD[:60])
        )
        kb.ingest(rows)
    app = opened("recommend", home=home, strategy_name=ODD)
    assert not app.exception
    assert "&lt;script&gt;" in shown(app)
    assert "<script>" not in "\n".join(str(h.proto.body) for h in app.get("html"))
    for kind in ("markdown", "title", "subheader", "caption"):
        assert not [e for e in app.get(kind) if "alert(1)" in str(e.value)]
    for link in (*app.button, *app.get("page_link"), *app.get("expander")):
        assert "<script>" not in str(link.label)
    (figure,) = app.get("plotly_chart")
    assert "<script>" not in figure.proto.spec
