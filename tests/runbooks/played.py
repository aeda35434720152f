"""Runbooks played in this process: the cells of a notebook in turn, without a kernel."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tradingkb.runbooks import Result, Run, RunbookFailedError, runbook


@dataclass
class Played:
    """What a notebook left behind.

    Attributes:
        result: of its last cell.
        shown: value of the last expression of each code cell.
        names: its variables.
        raised: whether the last cell raised, as it does for a run that failed.
    """

    result: Result
    shown: list[Any] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    raised: bool = False

    @property
    def states(self) -> dict[str, str]:
        """Keys of the actions with their states."""
        return {action.key: action.state for action in self.result.actions}

    @property
    def commands(self) -> list[str]:
        """Commands of the next steps."""
        return [step.command for step in self.result.next_steps if step.command]

    def evidence(self, begin: str) -> dict[str, Any]:
        """Of the finding that begins so."""
        (found,) = [one for one in self.result.findings if one.what.startswith(begin)]
        return found.evidence

    def severity(self, begin: str) -> str:
        """Of the finding that begins so."""
        (found,) = [one for one in self.result.findings if one.what.startswith(begin)]
        return found.severity


def play(name: str, home: Any, monkeypatch: pytest.MonkeyPatch, **given: Any) -> Played:
    """Plays a runbook on a store; settings are those of the environment.

    Args:
        name: of the runbook, or its beginning.
        home: folder of the store.
        monkeypatch: sets the environment.
        **given: parameters.
    """
    monkeypatch.setenv("TRADINGKB_HOME", str(home))
    book = runbook(name)
    results: list[Result] = []
    finish = Run.finish

    def kept(run: Run) -> None:
        results.append(run.result())
        finish(run)

    monkeypatch.setattr(Run, "finish", kept)
    names: dict[str, Any] = {}
    shown, raised = [], False
    for cell in json.loads(book.path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        try:
            shown.append(_value(source, names))
        except RunbookFailedError:
            raised = True
        if "parameters" in cell["metadata"].get("tags", ()):
            names |= given
    monkeypatch.setattr(Run, "finish", finish)
    (result,) = results
    return Played(Result.model_validate_json(result.model_dump_json()), shown, names, raised)


def _value(source: str, names: dict[str, Any]) -> Any:
    """Runs a cell; the value of its last line, where that is an expression."""
    *_, last = source.strip().split("\n")
    body = source.strip()[: -len(last)]
    try:
        code = compile(last, "cell", "eval")
    except SyntaxError:
        exec(source, names)
        return None
    exec(body, names)
    return eval(code, names)
