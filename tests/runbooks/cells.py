"""Runs the cells of a runbook in this process: what a kernel does, without its 1.5 seconds."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tradingkb.runbooks import RESULT_SCHEMA, Finding, Result, RunbookFailedError, runbook


@dataclass
class Ran:
    """What a run left.

    Attributes:
        result: what its last cell said.
        names: the variables of the notebook.
        shown: what the cells of code between guard and end show last.
    """

    result: Result
    names: dict[str, Any] = field(repr=False)
    shown: list[Any] = field(repr=False, default_factory=list)

    @property
    def states(self) -> dict[str, str]:
        """State of each action by key."""
        return {one.key: one.state for one in self.result.actions}

    @property
    def commands(self) -> list[str]:
        """Commands of the next steps."""
        return [step.command for step in self.result.next_steps if step.command]

    @property
    def figures(self) -> list[Any]:
        """The charts, in order."""
        return [one for one in self.shown if hasattr(one, "to_plotly_json")]

    def rows(self, title: str) -> list[dict[str, Any]]:
        """Of the table whose title begins so."""
        (table,) = [one for one in self.shown if getattr(one, "title", "").startswith(title)]
        return list(table.rows)

    def found(self, what: str) -> Finding:
        """The finding that begins so."""
        (finding,) = [one for one in self.result.findings if one.what.startswith(what)]
        return finding


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
    shown = []
    exec(cells[0], names)
    names |= given
    names["In"] = [
        "# Parameters\n" + "".join(f"{key} = {value!r}\n" for key, value in given.items())
    ]
    try:
        for cell in cells[1:-1]:
            shown.append(_shown(cell, names))
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
    return Ran(found, names, shown)


def _shown(cell: str, names: dict[str, Any]) -> Any:
    """Runs a cell; the value of the expression that it ends in, else None."""
    body = ast.parse(cell)
    last = body.body.pop() if isinstance(body.body[-1], ast.Expr) else None
    exec(compile(body, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
