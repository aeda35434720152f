"""What all pages share: settings, outages, and what a page holds while the viewer is elsewhere."""

from __future__ import annotations

import tomllib

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.recommending import market
from dashboard.shared import data
from tests.dashboard.asked import recorded
from tests.dashboard.conftest import APP, NOBODY, shown
from tradingkb.exceptions import BackendUnavailableError

PAGES = ("overview", "rejections", "recommend", "trials", "breakers")
AGAIN = "This page asks again by itself."


def turned(app: AppTest, page: str) -> AppTest:
    """Goes to another page."""
    return app.switch_page(f"app_pages/{page}.py").run()


@pytest.mark.parametrize("page", PAGES)
def test_a_setting_that_cannot_be_used_is_named_on_every_page(opened, monkeypatch, tmp_path, page):
    monkeypatch.setenv("TRADINGKB_DASHBOARD_REFRESH_S", "often")
    app = opened(page, home=tmp_path)
    assert not app.exception
    assert "correct or unset TRADINGKB_DASHBOARD_REFRESH_S" in shown(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_an_answer_says_that_it_asks_again(opened, page):
    app = opened(page, url=NOBODY)
    assert "asks again by itself" in shown(app)


def test_a_page_that_does_not_refresh_does_not_say_that_it_asks_again(opened):
    app = opened("recommend", url=NOBODY)
    app.toggle(key="refresh").set_value(False).run()
    assert AGAIN not in shown(app)
    assert "Nothing asks again by itself." in shown(app)


def test_what_a_click_asked_for_is_not_asked_again():
    def clicked() -> None:
        from dashboard.shared.parts import refused
        from tradingkb.exceptions import BackendUnavailableError

        refused("The answer", BackendUnavailableError("gone"), clicked=True)

    assert AGAIN not in shown(AppTest.from_function(clicked).run())


def test_a_page_gives_back_what_it_held_and_nothing_of_another_page(opened, busy_store):
    app = opened("rejections", home=busy_store)
    turned(app, "trials")
    assert app.selectbox(key="strategy_name").value == "bb_reversal"
    turned(app, "rejections")
    assert not app.exception
    assert app.selectbox(key="strategy_name").value is None


def test_an_answer_of_that_time_is_there_again_after_another_page(opened, busy_home):
    name = recorded(busy_home)
    app = opened("recommend", home=busy_home, request=name)
    turned(app, "trials")
    turned(app, "recommend")
    assert not app.exception
    assert app.text_input(key="request").value == name
    assert "asked again" in shown(app).lower()


def test_a_form_outlives_an_outage(opened, busy_home, monkeypatch):
    app = opened("recommend", home=busy_home, strategy_name="bb_reversal", symbol="AAPL")
    with monkeypatch.context() as down:

        def nobody() -> None:
            raise BackendUnavailableError("gone")

        down.setattr(data, "client", nobody)
        data.forget()
        app.run()
        assert "does not answer" in shown(app)
    app.run()
    assert not app.exception
    assert app.selectbox(key="strategy_name").value == "bb_reversal"
    assert app.text_input(key="symbol").value == "AAPL"


def test_the_server_lets_through_what_the_page_refuses_with_words():
    config = APP.parent / ".streamlit" / "config.toml"
    server = tomllib.loads(config.read_text())["server"]
    assert server["maxUploadSize"] >= market._READ_MB
