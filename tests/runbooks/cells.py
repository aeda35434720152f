"""Runs the cells of a runbook in this process: what a kernel does, without its 1.5 seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tradingkb.runbooks import RESULT_SCHEMA, Result, RunbookFailedError, runbook


@dataclass
class Ran:
    """What a run left.

    Attributes:
        result: what its last cell said.
        names: the variables of the notebook.
    """

    result: Result
    names: dict[str, Any] = field(repr=False)

    @property
    def states(self) -> dict[str, str]:
        """State of each action by key."""
        return {one.key: one.state for one in self.result.actions}


def run_cells(name: str, monkeypatch: pytest.MonkeyPatch, home: Any = None, **given: Any) -> Ran:
    """Executes a runbook on a store; a run that fails in its last cell has its result, too.

    Args:
        name: of the runbook.
        monkeypatch: sets TRADINGKB_HOME where `home` is given.
        home: of the embedded store.
        **given: parameters.
    """
    import jsonschema

    if home is not None:
        monkeypatch.setenv("TRADINGKB_HOME", str(home))
    cells = [
        "".join(cell["source"])
        for cell in json.loads(runbook(name).path.read_text("utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    names: dict[str, Any] = {"__name__": "__main__", "In": []}
    exec(cells[0], names)
    names |= given
    names["In"] = [
        "# Parameters\n" + "".join(f"{key} = {value!r}\n" for key, value in given.items())
    ]
    try:
        for cell in cells[1:-1]:
            exec(cell, names)
        found = names["run"].result()
        assert cells[-1] == "run.finish()"
        try:
            names["run"].finish()
            assert found.outcome != "failed"
        except RunbookFailedError:
            assert found.outcome == "failed"
    finally:
        if "run" in names:
            names["run"]._stack.close()
    jsonschema.validate(json.loads(found.model_dump_json()), RESULT_SCHEMA)
    return Ran(found, names)
