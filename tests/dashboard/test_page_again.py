"""An answer of that time: a recorded request, asked again as of then."""

from __future__ import annotations

import tradingkb as tkb
from tests.dashboard.asked import asked, button, recorded
from tests.dashboard.conftest import shown


def test_an_answer_of_that_time_is_asked_again_and_nothing_is_recorded(opened, busy_home):
    name = recorded(busy_home, regime=["ranging"])
    app = opened("recommend", home=busy_home, request=name)
    assert not app.exception
    assert "The same answer" in shown(app)
    assert "asked again" in shown(app).lower()
    assert asked(busy_home).is_empty()


def test_what_differs_from_then_is_named(opened, busy_home):
    name = recorded(busy_home, regime=["ranging"])
    with tkb.connect(busy_home, progress=False) as kb:
        run = kb.runs()["run_id"].to_list()[-1]  # the one that took the trials in
        kb.withdraw(run, reason="a bug of the backtest")
    app = opened("recommend", home=busy_home, request=name)
    assert not app.exception
    assert "of its facts differ" in shown(app)
    differences = next(d.value for d in app.dataframe if "then" in d.value.columns)
    assert "params" in differences["what"].to_list()


def test_a_link_to_a_pruned_answer_says_that_it_may_have_been_pruned(opened, busy_home):
    app = opened("recommend", home=busy_home, request="long-gone")
    assert not app.exception
    assert "pruned" in shown(app)


def test_a_recorded_question_can_be_put_into_the_form(opened, busy_home):
    name = recorded(busy_home, regime=["ranging"], max_drawdown=0.4)
    app = opened("recommend", home=busy_home, request=name)
    button(app, "reuse").click().run()
    assert not app.exception
    assert app.selectbox(key="strategy_name").value == "bb_reversal"
    assert app.number_input(key="max_drawdown").value == 0.4
    assert app.text_input(key="regime_of").value == name
