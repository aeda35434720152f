"""The dashboard's frame: which pages there are, and what all of them are about.

    python -m streamlit run dashboard/app.py

reads the store of the settings (TRADINGKB_HOME, DATABASE_URL), or the service that
TRADINGKB_SERVICE_URL names.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.shared import data, scope
from dashboard.shared.parts import clock_text, refused
from dashboard.shared.text import say
from tradingkb.exceptions import ConfigurationError, TradingKBError

st.set_page_config(
    page_title="tradingkb", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide"
)

page = st.navigation(
    [
        st.Page(
            "app_pages/overview.py", title="Overview", icon=":material/vital_signs:", default=True
        ),
        st.Page("app_pages/rejections.py", title="Filter rejections", icon=":material/filter_alt:"),
        st.Page("app_pages/recommend.py", title="Recommend", icon=":material/target:"),
        st.Page("app_pages/trials.py", title="Trials", icon=":material/grid_on:"),
        st.Page(
            "app_pages/breakers.py",
            title="Breakers and retries",
            icon=":material/electrical_services:",
        ),
        st.Page("app_pages/runbooks.py", title="Runbooks", icon=":material/menu_book:"),
    ]
)
unusable: ConfigurationError | None = None
with st.sidebar:
    scope.pick()
    st.toggle("Refresh by itself", value=True, key="refresh", persist_state="session")
    try:
        where = data.client().where()
    except TradingKBError as error:
        where = "nothing yet"
        unusable = error if isinstance(error, ConfigurationError) else None
    say(
        '<p style="opacity:.75;font-size:.85rem">Connected to {where}.<br>All times are UTC; this '
        "page was made at {at}.</p>",
        where=where,
        at=clock_text(data.now()),
    )
if unusable is not None:
    # No page can be of use, and whoever set it wrong reads here what to correct.
    st.title(page.title)
    refused("The dashboard", unusable)
    st.stop()
with scope.on(page.title):
    page.run()
