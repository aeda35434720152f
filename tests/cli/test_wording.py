"""On the command line advice is a command, not Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradingkb.cli.wording import as_commands, as_parameters

PACKAGE = Path(__file__).resolve().parents[2] / "tradingkb"
#: Messages of these are not shown by the command line.
ELSEWHERE = {"cli", "testing", "bench", "service"}
PYTHON = re.compile(r"\b(kb|tkb)\.\w+\(|\bconnect\(|\b\w+=(True|False)\b|\bohlcv=")


def texts(path: Path) -> Iterator[str]:
    """Every text of a module but its documentation; a hole in one is filled."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
        if isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
            yield "".join(_part(value) for value in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node.value


def _part(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    return "'x'" if getattr(value, "conversion", -1) == ord("r") else "x"


def test_no_message_speaks_python_on_the_command_line():
    messages = {
        text
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in ELSEWHERE
        for text in texts(path)
        if PYTHON.search(text)
    }
    assert len(messages) > 10
    assert {text for text in messages if PYTHON.search(as_commands(text))} == set()


@pytest.mark.parametrize(
    ("python", "command"),
    [
        ("create it with kb.create_workspace('desk')", "tradingkb workspaces --create desk"),
        (
            "with kb.reembed('desk', 'm', 'kb_m_v1')",
            "tradingkb reembed --workspace desk --model m --collection kb_m_v1",
        ),
        (
            "the way back: activate regime-v1 with kb_a",
            "tradingkb activate --model regime-v1 --collection kb_a",
        ),
        ("run kb.ingest() to index what is stored; give ohlcv= if", "give --ohlcv if"),
        ("name another file, or say replace=True", "say --replace"),
        (
            'mapping={"strategy_name": tkb.const("sma cross"), "param_fast": "params_fast"}',
            '--set strategy_name="sma cross" --map param_fast=params_fast',
        ),
        ("kb.strategies(workspace='desk') lists", "tradingkb strategies --workspace desk lists"),
    ],
)
def test_a_call_becomes_the_command_that_does_the_same(python, command):
    assert command in as_commands(python)


def test_other_text_stays_as_it_is():
    text = "AAPL:1d regime=… kbx.ingest() 'a=b' 1,234 inserted"
    assert as_commands(text) == text


@pytest.mark.parametrize(
    ("python", "parameter"),
    [
        (
            'say: mapping={"strategy_name": tkb.const("sma cross"), "param_fast": "fast"}) (cell',
            'say: -p map_file=FILE.toml with [map] param_fast = "fast" and '
            '[set] strategy_name = "sma cross") (cell',
        ),
        ('mapping={"strategy_name": tkb.const("your', "-p map_file=FILE.toml"),  # cut off
        ("; for a constant use tkb.const(...)", "; for a constant use [set] of the map file"),
        ("--map-file: a.toml cannot be read", "-p map_file: a.toml cannot be read"),
        ("give ohlcv= if; replace=True takes", "give -p ohlcv=FOLDER if; -p replace=true takes"),
        ("strict=False takes the good rows", "with -p strict=false the good rows go in"),
        ("run kb.ingest()", "run tradingkb ingest"),
    ],
)
def test_where_a_runbook_is_run_advice_is_a_parameter(python: str, parameter: str):
    assert as_parameters(python) == parameter
