"""The page of trials, on a store with a past, an empty one, and none that answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

import tradingkb as tkb
from dashboard.shared import data
from tests.dashboard.conftest import NOBODY, opening, shown

TOKEN = "a-secret-token"
GRID, DENSITY, LIST = "Parameter grid", "In-sample against out-of-sample", "All trials"


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def trials_of(home: Path, **which: Any) -> pl.DataFrame:
    with tkb.connect(home, progress=False) as kb:
        return kb.trials(**which)


def columns_of(app: AppTest, place: int = 0) -> list[str]:
    return list(app.dataframe[place].value.columns)


# --- with data --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def first_look(busy_store: Path) -> AppTest:
    """The page of a strategy, opened once for tests that only look at it."""
    with pytest.MonkeyPatch.context() as patch, opening(patch) as open_page:
        return open_page("trials", home=busy_store, strategy_name="macd_trend")


def test_the_grid_is_what_one_sees_first(first_look):
    app = first_look
    assert not app.exception
    (figure,) = charts(app)
    heat = figure["data"][0]
    assert heat["type"] == "heatmap"
    assert figure["layout"]["xaxis"]["ticktext"] == ["6", "12", "19"]
    assert figure["layout"]["yaxis"]["ticktext"] == ["21", "26", "50"]
    assert heat["zmin"] <= 0.0 < heat["zmax"]
    text = shown(app)
    assert "Mean sharpe (annualised), out-of-sample" in text
    assert "Averaged over the other parameters" in text


def test_defaults_and_the_last_recommendation_are_marked(first_look):
    app = first_look
    names = {trace.get("name") for trace in charts(app)[0]["data"]}
    assert {"recommended", "defaults"} <= names
    assert "Recommended last: " in shown(app)


def test_the_picture_has_words_for_those_who_do_not_see_it(first_look):
    app = first_look
    assert "Defaults at fast = 12, slow = 26." in app.get("plotly_chart")[0].proto.alt


def test_the_table_beside_the_grid_has_as_many_rows_as_the_grid_has_cells(first_look):
    app = first_look
    table = app.dataframe[0].value
    assert len(table) == 9
    assert {"p", "q", "mean", "low", "high", "windows"} <= set(table.columns)
    assert table["mean"].is_monotonic_decreasing


def test_a_link_names_parameters_objective_and_what_is_shown(opened, busy_store):
    link = {"strategy_name": "macd_trend", "x": "signal", "y": "allow_short"}
    link |= {"objective": "max_drawdown", "shown": "Against the other sets"}
    app = opened("trials", home=busy_store, **link)
    layout = charts(app)[0]["layout"]
    assert layout["xaxis"]["title"]["text"] == "signal"
    assert layout["yaxis"]["title"]["text"] == "allow_short"
    assert "Difference in max_drawdown (percent)" in shown(app)


def test_a_link_still_says_what_was_picked_after_something_else_is(opened, busy_store):
    app = opened("trials", home=busy_store, strategy_name="macd_trend", x="signal")
    assert charts(app)[0]["layout"]["yaxis"]["title"]["text"] == "fast"
    app.selectbox(key="objective").set_value("profit_factor").run()
    assert charts(app)[0]["layout"]["xaxis"]["title"]["text"] == "signal"
    assert app.query_params["x"] == "signal"
    assert "y" not in app.query_params


def test_nonsense_in_a_link_is_left_aside(opened, busy_store):
    link = {"strategy_name": "<script>", "x": "nope", "y": "|", "objective": "?", "bars": "9y"}
    link |= {"shown": "x", "tab": "y", "metric": "z", "kb_status": "w", "rows": "-3"}
    link |= {"sharpe_min": "a", "known_from": "tomorrow", "trial": "-1", "order": "DROP TABLE"}
    for tab in ("y", LIST, DENSITY):
        app = opened("trials", home=busy_store, **{**link, "tab": tab})
        assert not app.exception
        text = shown(app)
        assert "<script>" not in text
        assert "No trials of strategy" in text


def test_another_strategy_begins_with_its_own_parameters(opened, busy_store):
    app = opened("trials", home=busy_store, strategy_name="macd_trend", x="fast", y="signal")
    app.selectbox(key="strategy_name").set_value("bb_reversal").run()
    assert not app.exception
    assert charts(app)[0]["layout"]["xaxis"]["title"]["text"] == "n"
    assert app.selectbox(key="x").value == "n"
    app.selectbox(key="y").set_value("exit").run()
    assert charts(app)[0]["layout"]["yaxis"]["title"]["text"] == "exit"


def test_the_same_parameter_twice_is_not_offered(opened, busy_store):
    app = opened("trials", home=busy_store, strategy_name="macd_trend", x="slow", y="slow")
    assert not app.exception
    assert charts(app)[0]["layout"]["xaxis"]["title"]["text"] == "slow"
    assert "slow" not in app.selectbox(key="y").options


def test_the_density_has_its_diagonal_and_says_n_and_the_rank_correlation(opened, busy_store):
    app = opened("trials", home=busy_store, strategy_name="macd_trend", tab=DENSITY)
    assert not app.exception
    heat, line = charts(app)[0]["data"]
    assert heat["type"] == "heatmap"
    assert line["x"] == line["y"]
    text = shown(app)
    assert "4,536 trials with both values" in text
    assert "rank correlation" in text


def test_only_one_page_of_the_list_leaves_the_store(opened, busy_store):
    app = opened("trials", home=busy_store, strategy_name="macd_trend", tab=LIST)
    assert not app.exception
    assert len(app.dataframe[0].value) == 100
    assert "Trials 1 to 100 of 4,536." in shown(app)


def test_pages_are_turned_and_filters_begin_a_new_list(opened, busy_store):
    app = opened("trials", home=busy_store, strategy_name="macd_trend", tab=LIST)
    first = app.dataframe[0].value["trial_id"].tolist()
    app.button(key="_turn_Next").click().run()
    second = app.dataframe[0].value["trial_id"].tolist()
    assert "Trials 101 to 200 of 4,536." in shown(app)
    assert not set(first) & set(second)
    app.button(key="_turn_Previous").click().run()
    assert app.dataframe[0].value["trial_id"].tolist() == first
    app.button(key="_turn_Next").click().run()
    app.text_input(key="symbol").set_value("AAPL").run()
    assert "Trials 1 to 100 of" in shown(app)
    assert set(app.dataframe[0].value["symbol"]) == {"AAPL"}


def test_the_list_is_put_in_order_by_the_store(opened, busy_store):
    link = {"strategy_name": "macd_trend", "order": "Sharpe ratio, out-of-sample"}
    app = opened("trials", home=busy_store, tab=LIST, **link)
    best = trials_of(busy_store, strategy_name="macd_trend")["sharpe_oos"].max()
    assert app.dataframe[0].value["sharpe_oos"].iloc[0] == best
    assert app.dataframe[0].value["sharpe_oos"].is_monotonic_decreasing


def test_a_link_goes_on_naming_the_parameters_that_it_names(opened, busy_store):
    link = {"strategy_name": "macd_trend", "x": "slow", "y": "allow_short"}
    app = opened("trials", home=busy_store, **link)
    assert not app.exception
    assert (app.selectbox(key="x").value, app.selectbox(key="y").value) == ("slow", "allow_short")
    assert {name: app.query_params[name] for name in link} == link


def test_ranges_are_asked_of_the_store(opened, busy_store):
    link = {"strategy_name": "macd_trend", "sharpe_min": "1.0", "drawdown_max": "0.1"}
    app = opened("trials", home=busy_store, tab=LIST, trades_min="5", **link)
    rows = app.dataframe[0].value
    assert rows["sharpe_oos"].min() >= 1.0
    assert rows["max_drawdown_frac_oos"].max() <= 10.0
    assert rows["n_trades_oos"].min() >= 5


def test_a_range_that_nothing_fits_is_said_and_not_asked(opened, busy_store):
    link = {"strategy_name": "macd_trend", "sharpe_min": "2", "sharpe_max": "1"}
    app = opened("trials", home=busy_store, tab=LIST, **link)
    assert not app.exception
    assert "The least Sharpe OOS is above the most." in shown(app)


def test_filters_that_nothing_passes_say_so(opened, busy_store):
    app = opened("trials", home=busy_store, tab=LIST, symbol="NOBODY")
    assert not app.exception
    assert "No trial fits" in shown(app)


def test_a_link_shows_a_trial_that_is_on_another_page(opened, busy_store):
    oldest = int(trials_of(busy_store, strategy_name="macd_trend")["trial_id"].min() or 0)
    app = opened("trials", home=busy_store, tab=LIST, strategy_name="macd_trend", trial=str(oldest))
    assert not app.exception
    text = shown(app)
    assert f"Trial {oldest}: " in text
    assert "Nobody has changed it" in text


def test_a_trial_that_is_not_there_is_said(opened, busy_store):
    app = opened("trials", home=busy_store, tab=LIST, trial="999999999")
    assert not app.exception
    assert "No trial 999,999,999 in this workspace" in shown(app)


def test_names_from_data_are_shown_as_text(opened, tmp_path):
    home = tmp_path / "wild"
    wild = "<script>alert(1)</script>|**" + "x" * 90
    with tkb.connect(home, progress=False) as kb:
        rows = [
            {
                "strategy_name": wild,
                "source_id": f"<b>{k}</b>",
                "symbol": "A|<i>",
                "timeframe": "1d",
                "param_fast": k % 3,
                "param_kind": "<img src=x>" if k % 2 else "$x^2$",
                "sharpe_oos": 0.1 * k,
                "sharpe_is": 0.2 * k,
                "oos_start": f"202{k % 5}-01-01",
                "oos_end": f"202{k % 5}-06-01",
            }
            for k in range(12)
        ]
        kb.ingest(pl.DataFrame(rows))
    for tab in (GRID, DENSITY, LIST):
        app = opened("trials", home=home, tab=tab, trial="1")
        assert not app.exception
        text = shown(app) + json.dumps(charts(app))
        for tag in ("<script>", "<img", "<b>0", "<i>"):
            assert tag not in text


# --- changing ---------------------------------------------------------------------------------


def _changing() -> None:
    """The part that changes trials, with some chosen; the list would need a browser."""
    import streamlit as st

    from dashboard.shared import data
    from dashboard.trials.change_part import change_part

    rows, _ = data.ask("trial_page", workspace="default", where={"symbol": "AAPL"}, limit=5)
    chosen = rows["trial_id"].to_list()[: st.session_state["_how_many"]]
    change_part("default", rows, chosen)


@pytest.fixture
def changing(opened, busy_home, monkeypatch):
    """Opens that part on a copy of the store: `changing(token=..., how_many=2)`."""

    def open_part(token: str | None = TOKEN, how_many: int = 2) -> AppTest:
        monkeypatch.setenv("TRADINGKB_HOME", str(busy_home))
        if token is not None:
            monkeypatch.setenv("ADMIN_TOKEN", token)
        app = AppTest.from_function(_changing, default_timeout=30)
        app.session_state["_how_many"] = how_many
        return app.run()

    return open_part


def attempt(app: AppTest, action: str, reason: str, token: str) -> AppTest:
    app.button_group(key="_change_action").set_value(action)
    app.text_area(key="_change_reason").set_value(reason)
    app.text_input(key="_change_token").set_value(token)
    next(b for b in app.button if b.label == "Show what it would do").click()
    return app.run()


def do(app: AppTest) -> AppTest:
    return app.button(key="_change_do").click().run()


def rejected(home: Path) -> int:
    return trials_of(home, kb_status="rejected").height


def test_without_chosen_trials_there_is_nothing_to_change(changing):
    app = changing(how_many=0)
    assert not app.exception
    assert len(app.button) == 0
    assert "Choose trials" in shown(app)


def test_a_preview_says_what_would_change_and_writes_nothing(changing, busy_home):
    before = rejected(busy_home)
    app = attempt(changing(), "reject", "a bug", TOKEN)
    assert not app.exception
    assert "2 trials would be rejected." in shown(app)
    assert app.button(key="_change_do").label == "Reject 2 trials"
    assert rejected(busy_home) == before


def test_the_change_is_made_and_its_form_is_gone(changing, busy_home):
    before = rejected(busy_home)
    app = do(attempt(changing(), "reject", "a bug", TOKEN))
    assert "2 trials were rejected." in shown(app)
    assert rejected(busy_home) == before + 2
    assert not [b for b in app.button if b.key == "_change_do"]


def test_trials_that_somebody_else_changed_since_the_preview_are_shown_anew(changing, busy_home):
    app = attempt(changing(), "promote", "ran live", TOKEN)
    before = rejected(busy_home)
    chosen = trials_of(busy_home, symbol="AAPL").sort("trial_id", descending=True)
    with tkb.connect(busy_home, progress=False) as kb:
        kb.reject(chosen["trial_id"].to_list()[:1], reason="a bug")
    do(app)
    assert not app.exception
    assert "Somebody has changed these trials since." in shown(app)
    assert rejected(busy_home) == before + 1
    do(app)
    assert "2 trials were promoted." in shown(app)
    assert rejected(busy_home) == before


def _two_clicks() -> None:
    """What two clicks do that arrive one after the other, the second one for a page of before."""
    import streamlit as st

    from dashboard.shared import data
    from dashboard.trials import change_part
    from dashboard.views.curation import Preview, change

    rows, _ = data.ask("trial_page", workspace="default", where={"symbol": "AAPL"}, limit=2)
    asked = change("default", "reject", rows["trial_id"].to_list(), "a bug")
    st.session_state[change_part._TOKEN] = st.session_state["_given"]
    shown = change_part._curate(asked, dry_run=True)
    st.session_state[change_part._PREVIEW] = Preview(asked, shown)
    change_part._do()
    change_part._do()
    change_part.change_part("default", rows, [])


def test_a_double_click_changes_once(opened, busy_home, monkeypatch):
    monkeypatch.setenv("TRADINGKB_HOME", str(busy_home))
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    before = rejected(busy_home)
    app = AppTest.from_function(_two_clicks, default_timeout=30)
    app.session_state["_given"] = TOKEN
    app.run()
    assert not app.exception
    assert "2 trials were rejected." in shown(app)  # and not: "Nothing changed", of the second one
    assert rejected(busy_home) == before + 2


def test_a_wrong_token_is_refused_and_changes_nothing(changing, busy_home):
    before = rejected(busy_home)
    app = attempt(changing(), "reject", "a bug", "wrong-token")
    assert "the token is missing or wrong" in shown(app)
    assert not [b for b in app.button if b.key == "_change_do"]
    assert rejected(busy_home) == before


def test_a_dashboard_without_a_token_says_what_to_set(changing, busy_home):
    before = rejected(busy_home)
    app = attempt(changing(token=None), "reject", "a bug", "anything-at-all")
    assert "set ADMIN_TOKEN" in shown(app)
    assert rejected(busy_home) == before


def test_the_token_is_forgotten_when_the_change_is_made(changing):
    app = do(attempt(changing(), "promote", "", TOKEN))
    assert "2 trials were promoted." in shown(app)
    assert app.text_input(key="_change_token").value == ""
    assert TOKEN not in shown(app)
    assert app.text_input(key="_change_token").proto.type == 1  # PASSWORD


def test_rejecting_without_a_reason_is_not_tried(changing):
    app = attempt(changing(), "reject", "  ", TOKEN)
    assert "rejecting a trial needs a reason" in shown(app)
    assert not [b for b in app.button if b.key == "_change_do"]


def test_choosing_other_trials_makes_a_preview_void(changing):
    app = attempt(changing(), "promote", "", TOKEN)
    assert [b for b in app.button if b.key == "_change_do"]
    app.session_state["_how_many"] = 3
    app.run()
    assert not [b for b in app.button if b.key == "_change_do"]


def test_a_second_preview_says_that_nothing_is_left_to_do(changing):
    app = do(attempt(changing(), "promote", "", TOKEN))
    app = attempt(app, "promote", "", TOKEN)
    assert "Nothing would change" in shown(app)
    assert not [b for b in app.button if b.key == "_change_do"]


def test_a_link_with_everything_filled_in_changes_nothing(opened, busy_home, monkeypatch):
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    before = rejected(busy_home)
    number = int(trials_of(busy_home, symbol="AAPL")["trial_id"][0])
    link = {"_change_action": "reject", "_change_reason": "x", "_change_token": TOKEN}
    app = opened("trials", home=busy_home, tab=LIST, trial=str(number), symbol="AAPL", **link)
    assert not app.exception
    assert rejected(busy_home) == before


# --- empty, and nobody there ------------------------------------------------------------------


def test_an_empty_store_says_how_trials_come_in(opened, tmp_path):
    app = opened("trials", home=tmp_path / "new")
    assert not app.exception
    assert "No trials in this workspace yet" in shown(app)


def test_trials_that_come_into_an_empty_store_are_seen_at_the_next_look(opened, tmp_path):
    app = opened("trials", home=tmp_path / "new")
    with tkb.connect(tmp_path / "new", progress=False) as kb:
        kb.ingest(pl.DataFrame({"strategy_name": ["a"], "param_n": [5], "sharpe_oos": [1.0]}))
    data.forget()
    app.run()
    assert "No trials in this workspace yet" not in shown(app)
    assert app.selectbox(key="strategy_name").value == "a"


@pytest.mark.parametrize("tab", [GRID, DENSITY, LIST])
def test_a_service_that_is_away_is_said_and_is_no_error_of_the_page(opened, tab):
    app = opened("trials", url=NOBODY, tab=tab, trial="3")
    assert not app.exception
    assert "does not answer" in shown(app)


def test_a_link_to_a_workspace_that_is_gone_shows_the_default_one(opened, busy_store):
    app = opened("trials", home=busy_store, workspace="gone", strategy_name="macd_trend")
    assert not app.exception
    assert len(charts(app)) == 1


def test_a_strategy_whose_trials_name_no_parameter_that_varies_has_no_grid(opened, tmp_path):
    home = tmp_path / "one"
    with tkb.connect(home, progress=False) as kb:
        kb.ingest(
            pl.DataFrame(
                {"strategy_name": ["a"], "param_fast": [5], "sharpe_oos": [1.0], "symbol": ["X"]}
            )
        )
    app = opened("trials", home=home)
    assert not app.exception
    assert "No parameter of this strategy varies" in shown(app)
    app = opened("trials", home=home, tab=DENSITY)
    assert not app.exception
    assert "has this metric in both samples" in shown(app)
