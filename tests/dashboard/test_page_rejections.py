"""The page Filter rejections: with data, on an empty store, and while nobody answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from html import unescape

import polars as pl

import tradingkb as tkb
from dashboard.views import rejections as view
from tests.dashboard.conftest import NOBODY, shown
from tests.small_store import trials

ODD = "<script>alert(1)</script>|$x$ :material/x: **b**"


def table(app, column):
    return next(d.value for d in app.dataframe if column in d.value.columns)


def test_an_empty_store_says_that_nothing_was_asked(opened, tmp_path):
    tkb.connect(tmp_path / "home", progress=False).close()
    app = opened("rejections", home=tmp_path / "home")
    assert not app.exception
    assert "Nothing was asked in this range" in shown(app)


def test_while_nobody_answers_the_page_says_so_and_stands(opened):
    app = opened("rejections", url=NOBODY, strategy_name="macd_trend", status="none")
    assert not app.exception
    assert "does not answer" in shown(app)
    assert app.selectbox(key="strategy_name").value == "macd_trend"
    assert app.selectbox(key="status").value == "none"


def test_the_page_says_which_relaxation_would_have_helped_most(opened, busy_store):
    app = opened("rejections", home=busy_store, range="7d")
    assert not app.exception
    with tkb.connect(busy_store, progress=False) as kb:
        counted = kb.rejections(since="2020-01-01")
    saved = counted.group_by("filter").agg(pl.col("saved").sum()).sort("saved", descending=True)
    name, most = saved.row(0)
    assert most > 0
    assert f"would have given enough trials to {most:,} of them" in shown(app)
    helps = table(app, "saved")
    assert helps["saved"].to_list()[0] == counted["saved"].max()
    assert name in saved["filter"].to_list()


def test_charts_say_unit_and_sample_and_have_an_alternative_text(opened, busy_store):
    app = opened("rejections", home=busy_store, range="7d")
    charts = app.get("plotly_chart")
    assert len(charts) == 2
    titles = [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in charts]
    assert "(n = " in titles[0]
    assert "(n = " in titles[1]
    assert "UTC)" in titles[1]
    hovers = {trace["hovertemplate"] for trace in json.loads(charts[1].proto.spec)["data"]}
    assert hovers == {"%{y:,.1f} (n = %{customdata:,})"}
    assert all(c.proto.alt for c in charts)


def test_sentences_of_patterns_and_reasons_are_shown_whole(opened, busy_store):
    text = shown(opened("rejections", home=busy_store, range="7d"))
    for pattern in view.PATTERNS:
        assert pattern.cause in unescape(text)
        assert pattern.action in unescape(text)


def test_a_strategy_and_a_measure_narrow_what_is_shown(opened, busy_store):
    app = opened("rejections", home=busy_store, range="7d", strategy_name="macd_trend")
    assert set(table(app, "asked")["strategy_name"]) == {"macd_trend"}
    assert set(table(app, "request")["strategy"]) == {"macd_trend"}
    app.selectbox(key="measure").set_value("Trials that fail it").run()
    assert not app.exception
    titles = [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in app.get("plotly_chart")]
    assert titles[1].startswith("Trials that fail it")


def test_a_link_to_a_strategy_that_is_not_here_shows_all(opened, busy_store):
    app = opened("rejections", home=busy_store, range="7d", strategy_name=ODD)
    assert "No strategy" in shown(app)
    assert set(table(app, "asked")["strategy_name"]) == {"bb_reversal", "macd_trend"}


def test_single_answers_are_turned_page_by_page_and_back(opened, busy_store):
    app = opened("rejections", home=busy_store, range="7d")
    first = table(app, "request")["request"].to_list()
    assert len(first) == 25
    next(b for b in app.button if b.key == "older").click().run()
    second = table(app, "request")["request"].to_list()
    assert not set(first) & set(second)
    next(b for b in app.button if b.key == "newer").click().run()
    assert table(app, "request")["request"].to_list() == first


def test_another_filter_begins_at_the_newest_answer(opened, busy_store):
    app = opened("rejections", home=busy_store, range="7d")
    next(b for b in app.button if b.key == "older").click().run()
    app.selectbox(key="status").set_value("none").run()
    assert set(table(app, "request")["status"]) == {"none"}
    assert next(b for b in app.button if b.key == "newer").disabled


def test_a_pattern_lists_its_answers(opened, busy_store):
    app = opened("rejections", home=busy_store, range="7d", pattern="No similarity, metadata only")
    assert not app.exception
    assert app.selectbox(key="pattern").value == "No similarity, metadata only"


def test_names_from_data_are_shown_as_text(opened, tmp_path):
    home = tmp_path / "home"
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    with tkb.connect(home, progress=False, clock=lambda: earlier) as kb:
        kb.ingest(trials(n_windows=4).with_columns(strategy_name=pl.lit(ODD)))
        kb.recommend(ODD, max_drawdown=0.01)
        kb.recommend(ODD)
    app = opened("rejections", home=home)
    assert not app.exception
    assert table(app, "request")["strategy"].to_list() == [ODD, ODD]
    assert "<script>" not in "\n".join(str(h.proto.body) for h in app.get("html"))
    assert "<script>" not in "".join(c.proto.spec for c in app.get("plotly_chart"))
    assert not [m for m in app.markdown if "alert(1)" in m.value]
