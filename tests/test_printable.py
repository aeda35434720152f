"""What a terminal would obey is spelled out, and nothing else is touched."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.exceptions import InvalidTrialError, UnknownStrategyError
from tradingkb.observability import configure_logging, emit
from tradingkb.printable import printable, printable_json

ANY = st.text(st.characters(exclude_categories=()), max_size=20)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\x7f\x08", r"a\rb\x7f\x08"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        (
            "caf\u00e9 \u4e2d\u6587 \U0001f600 a\u00a0b\n\tc",
            "caf\u00e9 \u4e2d\u6587 \U0001f600 a\u00a0b\n\tc",
        ),
    ],
)
def test_a_terminal_shows_a_text_and_obeys_none(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ANY)
def test_what_is_printable_stays_as_it_is_and_can_be_written(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert printable(shown) == shown
    assert not set(shown) & {"\x1b", "\x9b", "\r"}


@given(ANY)
def test_json_means_the_same_without_what_a_terminal_obeys(text: str) -> None:
    document = printable_json(json.dumps({text: text}, ensure_ascii=False))
    assert json.loads(document) == {text: text}
    assert document == printable(document)


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_a_log_line_is_one_line_without_what_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str], style: str
) -> None:
    logger = logging.getLogger("tradingkb")
    before = (list(logger.handlers), logger.level, logger.propagate)
    try:
        configure_logging("INFO", style)  # type: ignore[arg-type]
        emit("kb_test", strategy="\x1b[2J\r\n\x9bx", names=["a\x1b", "b"])
    finally:
        logger.handlers[:], logger.level, logger.propagate = before
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line == printable(line)
    assert "[2J" in line


def test_an_error_repeats_its_input_without_what_a_terminal_obeys() -> None:
    for error in (
        InvalidTrialError("'\x1b[2J' is no number", field="\x1bf", remedy="\x9b"),
        UnknownStrategyError("strategy", "\x1b[2J", ["\x1b"]),
    ):
        assert str(error) == printable(str(error))
        assert r"\x1b" in str(error)
