"""What a cell prints for ever fills no memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from nbformat.v4 import new_notebook

from tradingkb.runbooks.running import client
from tradingkb.runbooks.running.client import Client


def message(text: str, kind: str = "stream") -> dict[str, Any]:
    content = {"name": "stdout", "text": text, "data": {"text/plain": text}, "metadata": {}}
    named = {"header": {"msg_type": kind}, "parent_header": {"msg_id": "m"}}
    return {**named, "msg_type": kind, "content": content}


def test_of_what_a_cell_prints_the_beginning_is_kept_and_what_it_shows_is_kept_whole(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(client, "MOST", 10)
    made, outs = Client(SimpleNamespace(nb=new_notebook())), list[Any]()
    made.clear_before_next_output = False
    for text in ("12345678", "90abcdef", "never", "nor this"):
        made.output(outs, message(text), None, 0)
    made.output(outs, message("a table of some length", "display_data"), None, 0)
    made.output(outs, message("another"), None, 1)
    assert [one.get("text") for one in outs] == [
        "12345678",
        "90\n... more than 10 characters: the rest was not kept\n",
        None,
        "another",
    ]
