"""A question looks for its own workspace, however many there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import tradingkb as tkb
from tradingkb.exceptions import UnknownWorkspaceError

Open = Callable[..., tkb.KnowledgeBase]


def test_a_workspace_is_found_by_slug_or_id_without_reading_the_others(
    open_kb: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = open_kb()
    first, second = kb.create_workspace("first"), kb.create_workspace("second")
    spaces = kb.use_cases.workspaces
    monkeypatch.setattr(kb.use_cases.store, "workspaces", lambda: pytest.fail("all were read"))
    assert [spaces.find(name).id for name in ("first", first, "second", second)] == [
        first,
        first,
        second,
        second,
    ]


@pytest.mark.parametrize("name", ["nobody", "First", "", "a\0b", "\ud800", "a\x1b[2J", 5, None, []])
def test_what_is_no_workspace_is_said_with_those_that_are(open_kb: Open, name: str) -> None:
    kb = open_kb()
    kb.create_workspace("first")
    with pytest.raises(UnknownWorkspaceError) as caught:
        kb.use_cases.workspaces.find(name)
    assert "first" in str(caught.value)
