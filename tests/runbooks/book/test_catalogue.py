"""A runbook is what its notebook says; a notebook that says too little is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runbooks.notebooks import FIRST, PARAMETERS, write_runbook
from tradingkb.exceptions import ConfigurationError, NotFoundError
from tradingkb.runbooks import runbook, runbooks


def test_the_first_cell_says_what_it_is_for(tmp_path: Path):
    write_runbook(tmp_path, "01_first", destructive=False, deadline_s=60)
    found = runbook("01_first", tmp_path)
    assert (found.title, found.purpose) == ("A first one", "To see that it runs.")
    assert (found.when, found.changes) == ("When `this` test runs.", "Nothing.")
    assert found.alerts == ("KbIngestStale", "KbJobStuck")
    assert (found.destructive, found.deadline_s) == (False, 60)
    assert [one.name for one in found.parameters] == ["workspace", "dry_run", "count"]


def test_a_runbook_that_does_not_say_otherwise_is_taken_as_one_that_changes_something(
    tmp_path: Path,
):
    write_runbook(tmp_path, "01_first")
    assert runbook("01_first", tmp_path).destructive


def test_the_beginning_of_a_name_is_enough_where_no_other_begins_so(tmp_path: Path):
    for name in ("01_first", "02_second", "02_third"):
        write_runbook(tmp_path, name)
    assert runbook("01", tmp_path).name == "01_first"
    for name in ("02", "", "04"):
        with pytest.raises(NotFoundError, match="unknown runbook"):
            runbook(name, tmp_path)
    assert [one.name for one in runbooks(tmp_path)] == ["01_first", "02_second", "02_third"]


def test_a_version_is_that_of_the_code_and_not_of_its_outputs(tmp_path: Path):
    path = write_runbook(tmp_path, "01_first", ["1 + 1"])
    before = runbook("01", tmp_path).version
    path.write_text(
        path.read_text("utf-8").replace('"execution_count": null', '"execution_count": 7')
    )
    assert runbook("01", tmp_path).version == before
    write_runbook(tmp_path, "01_first", ["1 + 2"])
    assert runbook("01", tmp_path).version != before


def test_a_notebook_without_what_makes_a_runbook_is_refused_by_name(tmp_path: Path):
    wrong = {
        "has no parameters cell": {"parameters": None},
        "lacks \\*\\*How to undo": {"first": FIRST.replace("How to undo", "Undo")},
        "lacks # Title": {"first": FIRST.removeprefix("# ")},
        "no parameter dry_run": {"parameters": PARAMETERS.replace("dry_run", "dry")},
        "metadata.tradingkb is wrong": {"deadline_s": "30m"},
        "with whole seconds": {"deadline_s": 0},
    }
    for words, changed in wrong.items():
        write_runbook(tmp_path, "01_first", **changed)
        with pytest.raises(ConfigurationError, match=rf"01_first\.ipynb.*{words}"):
            runbook("01_first", tmp_path)


def test_a_file_that_is_no_notebook_is_refused_by_name(tmp_path: Path):
    (tmp_path / "01_first.ipynb").write_text("{")
    with pytest.raises(ConfigurationError, match=r"01_first\.ipynb cannot be read as a notebook"):
        runbooks(tmp_path)


@pytest.mark.parametrize("metadata", [None, {"tradingkb": ["destructive"]}, {"tradingkb": None}])
def test_metadata_that_are_none_are_refused_by_name(tmp_path: Path, metadata: Any):
    path = write_runbook(tmp_path, "01_first")
    path.write_text(json.dumps({**json.loads(path.read_text()), "metadata": metadata}))
    with pytest.raises(
        ConfigurationError, match=r"01_first\.ipynb: its metadata\.tradingkb is wrong"
    ):
        runbook("01_first", tmp_path)


def test_a_folder_that_is_not_there_is_named_with_its_setting(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="RUNBOOKS_DIR"):
        runbooks(tmp_path / "none")
