"""What a cell prints for ever fills no memory."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from nbformat.v4 import new_notebook

from tradingkb.runbooks.running import client
from tradingkb.runbooks.running.client import Client


def message(text: str, kind: str = "stream") -> dict[str, Any]:
    content = {"name": "stdout", "text": text, "data": {"text/plain": text}, "metadata": {}}
    named = {"header": {"msg_type": kind}, "parent_header": {"msg_id": "m"}}
    return {**named, "msg_type": kind, "content": content}


@pytest.fixture
def client_() -> Client:
    made = Client(SimpleNamespace(nb=new_notebook()))
    made.clear_before_next_output = False
    return made


def test_of_what_a_cell_prints_the_beginning_is_kept_and_what_it_shows_is_kept_whole(
    monkeypatch: Any, client_: Client
) -> None:
    monkeypatch.setattr(client, "MOST", 10)
    made, outs, others = client_, list[Any](), list[Any]()
    for text in ("12345678", "90abcdef", "never", "nor this"):
        made.output(outs, message(text), None, 0)
    made.output(outs, message("a table of some length", "display_data"), None, 0)
    made.output(others, message("another"), None, 1)
    assert [one.get("text") for one in outs] == [
        "1234567890\n... more than 10 characters: the rest was not kept\n",
        None,
    ]
    assert [one.text for one in others] == ["another"]


def test_what_is_printed_is_one_text_with_the_end_of_each_bar_of_progress(client_: Client) -> None:
    outs: list[Any] = []
    for text in ("10 %\r50 ", "%\r100 %\n", "done\r\n"):
        client_.output(outs, message(text), None, 0)
    assert [one.text for one in outs] == ["100 %\ndone\r\n"]


def test_a_line_of_a_million_characters_takes_no_time(client_: Client) -> None:
    outs: list[Any] = []
    began = time.process_time()
    client_.output(outs, message("x" * 1_000_000), None, 0)
    assert not client_.coalesce_streams  # nbclient would search it for hours after the cell
    assert time.process_time() - began < 1
    assert len(outs[0].text) == 1_000_000
