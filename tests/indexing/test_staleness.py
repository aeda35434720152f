"""Vectors that were made by another version of a model are told, with how it differs."""

from __future__ import annotations

from typing import Any

import pytest

from tradingkb.indexing.staleness import made_in_part, made_otherwise

NOW = "ollama-1/new/payload-2/window-text-2"
PULLED = "ollama-1/old/payload-2/window-text-2"
REWORDED = "ollama-1/new/payload-2/window-text-1"
OTHER_COLUMNS = "ollama-1/new/payload-1/window-text-2"


class Now:
    model, pipeline = "nomic-embed-text", NOW


@pytest.mark.parametrize(
    ("held", "otherwise", "in_part"),
    [
        (set(), None, None),
        ({NOW}, None, None),
        ({OTHER_COLUMNS}, None, None),
        ({NOW, OTHER_COLUMNS}, None, None),
        ({PULLED}, "pulled anew", None),
        ({REWORDED}, "texts of another form", None),
        ({"regime-v1/payload-2/scaler-1"}, "pulled anew", None),
        ({NOW, PULLED}, None, "pulled anew"),
        ({NOW, REWORDED}, None, "texts of another form"),
    ],
)
def test_what_differs_is_told(held: set[str], otherwise: str | None, in_part: str | None) -> None:
    embedder: Any = Now()
    for judge, said in ((made_otherwise, otherwise), (made_in_part, in_part)):
        found = judge(embedder, "kb_nomic", held)
        assert (found is None) == (said is None)
        if said is not None:
            assert said in str(found)
            assert "kb_nomic" in str(found)
            assert "nomic-embed-text" in str(found)
