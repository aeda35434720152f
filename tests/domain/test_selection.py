"""The filters of a selection are what is given of them."""

from __future__ import annotations

from tradingkb.domain.selection import Selection


def test_filters_are_what_is_given_but_for_the_ids() -> None:
    assert Selection().filters == {}
    assert Selection(trials=[1, 2]).filters == {}
    assert Selection([1], symbol="X", kb_status="rejected", run_id="").filters == {
        "symbol": "X",
        "run_id": "",
        "kb_status": "rejected",
    }
