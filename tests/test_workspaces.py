"""Workspaces are found however many there are, and name collections that can exist."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import tradingkb as tkb
from tradingkb.exceptions import ConfigurationError, InvalidInputError, UnknownWorkspaceError

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


#: Each with the field that is named.
COLLECTION_VERBS = [
    (lambda kb, name: kb.reembed(target_collection=name), "target_collection"),
    (lambda kb, name: kb.activate("regime-v1", name), "collection"),
    (lambda kb, name: kb.create_workspace("desk", collection=name), "collection"),
]


@pytest.mark.parametrize(("verb", "field"), COLLECTION_VERBS)
@pytest.mark.parametrize(
    "name", ["x" * 129, "ä" * 65, "a/b", "a\\b", "..", "a\0b", "a\nb", "a:b", "\ud800", 7]
)
def test_a_name_that_no_collection_can_have_is_refused_before_anything_is_written(
    open_kb: Open, verb: Callable[[tkb.KnowledgeBase, object], object], field: str, name: object
) -> None:
    kb = open_kb()
    with pytest.raises(InvalidInputError, match="is no name of a collection") as caught:
        verb(kb, name)
    assert caught.value.field == field
    assert kb.runs().is_empty()
    assert "desk" not in kb.workspaces()["slug"]


@pytest.mark.parametrize("name", ["x" * 128, "ä" * 64, "kb prod.v2-a_b"])
def test_a_workspace_is_embedded_into_any_collection_that_can_exist(
    open_kb: Open, name: str
) -> None:
    kb = open_kb()
    assert kb.reembed(target_collection=name).collection == name
    assert kb.activate(collection=name).collection == name
    with pytest.raises(ConfigurationError, match="does not exist"):
        kb.activate(collection="another")
