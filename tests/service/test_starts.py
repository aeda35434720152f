"""A service notes that it was started: with which release, and what of its settings is new."""

from __future__ import annotations

import json
from typing import Any

import tradingkb as tkb
from tests.service.conftest import ADMIN, Serve


def starts(home: str = "home") -> list[dict[str, Any]]:
    """The facts of the starts, newest first; the folder is the one that services run in."""
    with tkb.connect(home, progress=False) as kb:
        return [json.loads(text) for text in kb.recent_changes()["facts"]]


def test_each_start_says_what_has_changed_since_the_last_one_and_no_secret(serve: Serve) -> None:
    serve(threads=3)
    serve(threads=4, admin_token="another-secret")
    again, first = starts()
    assert (first["replica"], first["version"], first["changed"]) == ("local", tkb.__version__, [])
    assert again["changed"] == [{"setting": "TRADINGKB_THREADS", "before": 3, "now": 4}]
    assert again["version_before"] == tkb.__version__
    for secret in (ADMIN["X-Admin-Token"], "another-secret"):
        assert secret not in json.dumps([again, first])


def test_a_store_whose_only_past_is_that_it_was_served_may_be_replaced(serve: Serve) -> None:
    with tkb.connect("other", progress=False) as kb:
        kb.ingest([tkb.Trial("s", {"fast": 1}, sharpe_oos=1.0)])
        kb.backup("backup.db")
    serve()
    with tkb.connect("home", progress=False) as kb:
        kb.restore("backup.db")
        assert kb.trials().height == 1
