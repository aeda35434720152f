"""A run that goes well, in a kernel: what it leaves, and what it tells; papermill gets the same."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

import tradingkb as tkb
from tests.runbooks.notebooks import PARAMETERS, write_runbook
from tradingkb.exceptions import InvalidInputError
from tradingkb.observability import subscribe
from tradingkb.ports import RunbookRun
from tradingkb.runbooks import MIMETYPE, CellAt, run_runbook
from tradingkb.runbooks.running.ending import result_of
from tradingkb.settings import Settings, load_settings
from tradingkb.testing.trial_store_runbooks import runbook_run

TOKEN = "geheim & lang"
RUN_ID = runbook_run(7).run_id
FIGURE = {"data": [{"type": "bar", "y": [1]}], "layout": {"title": {"text": "n = 1"}}}
CELLS = (
    'from tradingkb.runbooks import begin\nrun = begin("01_first", globals())',
    "import json, os, sys\n"
    "from IPython.display import display\n"
    'seen = [sys.executable, os.environ["PATH"], os.environ.get("TRADINGKB_RUN_ID"), os.getcwd()]\n'
    'print("seen", json.dumps(seen))\n'
    'print("token", run.secret("token_env"), json.dumps(run.secret("token_env")))',
    f"display({{'application/vnd.plotly.v1+json': {FIGURE!r}}}, raw=True)",
    'run.find("it is " + run.secret("token_env"), "warning", n=run.parameters["count"])\n'
    "run.finish()",
)


@dataclass
class Ran:
    """One run and whatever could be seen of it."""

    run: RunbookRun
    folder: Path
    settings: Settings
    book: Path
    cells: list[CellAt] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def text(self, ending: str) -> str:
        name = str(self.run.notebook).replace(".ipynb", ending)
        return (self.folder / name).read_text(encoding="utf-8")

    @property
    def notebook(self) -> Any:
        return nbformat.reads(self.text(".ipynb"), as_version=4)

    def seen(self) -> list[Any]:
        found = self.notebook.cells[4].outputs[0].text
        return json.loads(found.splitlines()[0].removeprefix("seen "))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Run with a bare PATH, and somebody else's settings in the environment."""
    place = tmp_path_factory.mktemp("ran")
    parameters = f'{PARAMETERS}token_env: str = "SOME_TOKEN"  # variable of the token\n'
    book = write_runbook(place, "01_first", CELLS, parameters=parameters, destructive=False)
    found = Ran(runbook_run(), place / "out", Settings(), book)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/usr/bin")
        patch.setenv("TRADINGKB_HOME", str(place / "elsewhere"))
        patch.setenv("SOME_TOKEN", TOKEN)
        found.settings = load_settings(
            home=place / "home", runbooks_dir=place, runbook_output=place / "out"
        )
        with tkb.connect(settings=found.settings, progress=False) as kb:
            kb.workspaces()
            kb.create_workspace("desk")
            kb.use_cases.store.add_runbook_run(runbook_run(7))
        end = subscribe(lambda name, fields: found.events.append((name, dict(fields))))
        found.run = run_runbook(
            found.settings,
            "01",
            {"workspace": "desk", "count": "4"},
            actor="ada",
            schedule="daily",
            slot=datetime(2026, 1, 1, tzinfo=UTC),
            told=found.cells.append,
            run_id=RUN_ID,
        )
        end()
        yield found


def test_the_run_and_its_row_say_the_same(ran: Ran) -> None:
    with tkb.connect(settings=ran.settings, progress=False) as kb:
        row = kb.use_cases.store.runbook_run(RUN_ID)
    assert row == ran.run
    assert (row.state, row.outcome, row.error) == ("ended", "needs_decision", None)
    assert (row.cell_done, row.cell_total, row.workspace, row.actor) == (6, 6, "desk", "ada")
    assert (row.schedule, row.parameters["count"]) == ("daily", 4)
    assert row.result is not None
    assert row.result["findings"][0]["evidence"] == {"n": 4}


def test_the_kernel_is_of_this_interpreter_whatever_is_activated(ran: Ran) -> None:
    assert ran.seen() == [sys.executable, "/usr/bin", RUN_ID, str(Path.cwd())]


def test_the_kernel_opens_the_store_of_the_settings_whatever_the_environment_says(ran: Ran) -> None:
    assert str(ran.settings.absolute_home) in ran.notebook.cells[3].outputs[0].data["text/plain"]
    assert not (ran.folder.parent / "elsewhere").exists()


def test_no_secret_is_in_any_file_row_or_event(ran: Ran) -> None:
    told = [ran.text(ending) for ending in (".ipynb", ".html", ".json")]
    told += [str(ran.run), str(ran.events)]
    for text in told:
        assert "geheim" not in text
    assert "token ***" in told[0]
    assert "SOME_TOKEN" in told[0]


def test_each_cell_is_told_before_and_after_it(ran: Ran) -> None:
    assert [at.number for at in ran.cells] == [n for n in range(1, 7) for _ in range(2)]
    assert {at.total for at in ran.cells} == {6}
    assert all(at.seconds is None for at in ran.cells[::2])
    assert all(at.seconds is not None for at in ran.cells[1::2])


def test_the_log_tells_of_beginning_cells_and_end(ran: Ran) -> None:
    ours = [(name, fields) for name, fields in ran.events if name.startswith("runbook_")]
    assert [name for name, _ in ours] == [
        "runbook_start",
        *["runbook_cell"] * 6,
        "runbook_complete",
    ]
    assert {fields["run_id"] for _, fields in ours} == {RUN_ID}
    assert ours[-1][1]["outcome"] == "needs_decision"


def test_the_report_has_its_figure_and_says_the_result_once(ran: Ran) -> None:
    page = ran.text(".html")
    assert page.count('Plotly.newPlot("figure-1"') == 1
    assert page.count("it is ***") == 2  # on top, and where the cell found it
    assert MIMETYPE not in page
    assert json.loads(ran.text(".json"))["outcome"] == "needs_decision"


def test_an_id_that_has_run_is_refused(ran: Ran) -> None:
    with pytest.raises(InvalidInputError, match="is there already"):
        run_runbook(ran.settings, "01", {"workspace": "desk"}, actor="ada", run_id=RUN_ID)


def test_papermill_alone_gets_the_same_result(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from papermill.cli import papermill

    monkeypatch.setenv("TRADINGKB_HOME", str(ran.settings.home))
    monkeypatch.setenv("RUNBOOKS_DIR", str(ran.book.parent))
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    out = tmp_path / "out.ipynb"
    given = ["-p", "workspace", "desk", "-p", "count", "4", "--no-progress-bar"]
    papermill.main([str(ran.book), str(out), *given], standalone_mode=False)
    result = result_of(nbformat.read(out, as_version=4).cells)
    assert result is not None
    found = result.model_dump()
    assert found.pop("findings")[0]["what"] == f"it is {TOKEN}"
    assert found == {k: v for k, v in (ran.run.result or {}).items() if k != "findings"}
