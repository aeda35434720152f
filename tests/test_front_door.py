"""The front door: every name is there when it is asked for, and no other."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tradingkb
from tradingkb.cli.common import DEFAULT_WORKSPACE
from tradingkb.workspaces import DEFAULT_WORKSPACE as OF_THE_LIBRARY

SOURCE = Path(tradingkb.__file__).read_text(encoding="utf-8")


def imports_for_type_checkers() -> dict[str, str]:
    """Name and module of each import that the front door shows to type checkers alone."""
    (block,) = (
        node
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_type_checkers_see_the_names_where_they_are_loaded_from():
    seen = imports_for_type_checkers()
    assert sorted(seen) == sorted(tradingkb.__all__)
    for name, module in seen.items():
        assert getattr(tradingkb, name) is getattr(import_module(module), name), name


def test_a_star_brings_every_public_name():
    brought: dict[str, object] = {}
    exec("from tradingkb import *", brought)
    assert set(tradingkb.__all__) <= set(brought)


def test_a_fresh_front_door_lists_its_names_before_any_is_loaded():
    program = "import tradingkb; print(set(tradingkb.__all__) <= set(dir(tradingkb)))"
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "True"


def test_a_wrong_name_is_refused_in_the_usual_words():
    with pytest.raises(AttributeError) as caught:
        _ = tradingkb.conect
    assert str(caught.value) == "module 'tradingkb' has no attribute 'conect'"
    assert (caught.value.name, caught.value.obj) == ("conect", tradingkb)
    with pytest.raises(ImportError, match="cannot import name 'conect' from 'tradingkb'"):
        exec("from tradingkb import conect")


def test_the_command_line_names_the_default_workspace_as_the_library_does():
    assert DEFAULT_WORKSPACE == OF_THE_LIBRARY
