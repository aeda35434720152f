"""A log line is one line that can be read back, whatever its fields hold."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from string import ascii_lowercase, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.observability import configure_logging, emit
from tradingkb.observability.lines import json_line, logfmt
from tradingkb.settings import load_settings

#: As other programs read logfmt: a value is bare, or a JSON string.
_PAIR = re.compile(r'([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?:\s|$)')

nasty = st.sampled_from(
    [
        "\n",
        "\r\n",
        "\x1b[2J",
        "\u2028",
        "\u202e",
        "\x85",
        '"',
        "\\",
        "=",
        " ",
        "\ud800",
        "a b",
        "\\n",
    ]
)
texts = st.text() | st.lists(nasty | st.text(max_size=3), max_size=6).map("".join)
without_urls = texts.filter(lambda text: "://" not in text)
names = st.builds(
    "{}{}".format,
    st.sampled_from(ascii_lowercase),
    st.text(f"{ascii_lowercase}_{digits}", max_size=10),
)


def read_back(line: str) -> dict[str, str]:
    found, place = {}, 0
    while place < len(line):
        pair = _PAIR.match(line, place)
        assert pair, (line, place)
        name, quoted, bare = pair.groups()
        found[name] = bare if quoted is None else json.loads(f'"{quoted}"')
        place = pair.end()
    return found


@given(st.dictionaries(names, without_urls, max_size=5))
def test_logfmt_reads_back_as_it_was_written(fields):
    assert read_back(logfmt(fields)) == fields


@given(st.dictionaries(names | texts, texts | st.lists(texts), max_size=5))
def test_a_line_is_one_line_that_no_terminal_obeys(fields):
    for line in (logfmt(fields), json_line(fields)):
        assert len(line.splitlines()) <= 1
        assert line.isprintable()


@given(st.dictionaries(names, without_urls | st.integers() | st.none() | st.booleans()))
def test_json_reads_back_as_it_was_written(fields):
    assert json.loads(json_line(fields)) == fields


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("degraded", "degraded"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        ("", ""),
        (3, "3"),
        (0.25, "0.25"),
        (["few_windows", "no_regime"], "few_windows,no_regime"),
        ([], ""),
        ("strategy/μ", "strategy/μ"),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "no"', r'"say \"no\""'),
        ("first\nsecond", r'"first\nsecond"'),
        ("\x1b[2J", r'"\u001b[2J"'),
        (r"C:\new", r"C:\new"),
        (r"C:\new folder", r'"C:\\new folder"'),
    ],
)
def test_values_are_bare_where_grep_can_tell_where_they_end(value, written):
    assert logfmt({"status": value}) == f"status={written}"


def test_json_has_numbers_where_it_can_and_lists_as_words():
    line = json_line({"a": float("nan"), "b": 1.5, "c": ["few_windows", 3], "d": float("-inf")})
    assert json.loads(line) == {"a": "nan", "b": 1.5, "c": "few_windows,3", "d": "-inf"}


SECRET = "postgresql+psycopg://desk:hunter2@db/kb"


@pytest.mark.parametrize("render", [logfmt, json_line])
@pytest.mark.parametrize(
    "fields",
    [
        {"url": SECRET},
        {"error": f"connection to {SECRET} failed"},
        {"errors": [f"({SECRET})", "other"]},
        {"event": f"no {SECRET}"},
    ],
)
def test_no_password_of_a_url_is_written(render, fields):
    line = render(fields)
    assert "hunter2" not in line
    assert "desk:***@" in line


@given(st.dictionaries(names, st.tuples(texts, texts).map(lambda t: f"{t[0]} {SECRET} {t[1]}")))
def test_whatever_stands_around_it(fields):
    assert "hunter2" not in logfmt(fields) + json_line(fields)


def test_a_name_that_is_none_is_made_one():
    assert logfmt({"a b=c\n": 1}) == "a_b_c_=1"


@pytest.fixture
def configured() -> Iterator[None]:
    """The library's logger, as it was before."""
    logger = logging.getLogger("tradingkb")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    logger.handlers[:], _, logger.propagate = before
    logger.setLevel(before[1])


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [read_back(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.usefixtures("configured")
def test_an_error_is_its_type_and_message_on_the_same_line(capsys):
    configure_logging("INFO", "logfmt")
    try:
        raise OSError(f"no\nway to {SECRET}")
    except OSError:
        logging.getLogger("tradingkb").exception("it %s", "failed")
    (line,) = logged(capsys)
    assert (line["level"], line["event"]) == ("error", "it failed")
    assert line["error"] == "OSError: no\nway to postgresql+psycopg://desk:***@db/kb"


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("given_level", "service", "command"),
    [(None, True, False), ("INFO", True, True), ("WARNING", False, False)],
)
def test_a_service_logs_events_unless_log_level_says_otherwise(
    capsys, monkeypatch, tmp_path, given_level, service, command
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    if given_level:
        monkeypatch.setenv("LOG_LEVEL", given_level)
    settings = load_settings()
    configure_logging(settings.service_log_level, settings.log_format)
    emit("kb_something")
    assert [line["event"] for line in logged(capsys)] == ["kb_something"] * service
    configure_logging(settings.log_level, settings.log_format)
    emit("kb_something")
    assert [line["event"] for line in logged(capsys)] == ["kb_something"] * command
