"""Runs that do not go well: whatever ends one, there is a row, a notebook and a report of it.

Four go on at once, each in a thread: a kernel that dies, one that hears nothing, one that exits
with success, and one that is interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

import tradingkb as tkb
from tests.runbooks.notebooks import write_runbook
from tradingkb.ports import RunbookRun
from tradingkb.runbooks import CellAt, run_runbook
from tradingkb.settings import Settings, load_settings

DONE = "print('so far')"
#: A process in a session of its own, which no signal to the kernel's group reaches.
CHILD = (
    "import pathlib, subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], "
    "start_new_session=True)\n"
    "pathlib.Path({path!r}).write_text(str(child.pid))"
)
DEAF = (
    "import signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "while True:\n"
    "    pass"
)


class Faults:
    """The runs by what was wrong, and what was told of them."""

    def __init__(self, place: Path) -> None:
        self.place, self.out, self.pid = place, place / "out", place / "pid"
        self.told = place / "told"
        self.told.mkdir()
        keep = "import pathlib, sys, uuid; "
        keep += f"pathlib.Path({str(self.told)!r}, str(uuid.uuid4())).write_text(sys.stdin.read())"
        self.settings: Settings = load_settings(
            home=place / "home",
            runbooks_dir=place,
            runbook_output=self.out,
            runbook_on_failure=shlex.join([sys.executable, "-c", keep]),
        )
        cells = {
            "1_dies": "import os\nos.write(2, b'no memory')\nos.kill(os.getpid(), 9)",
            "2_deaf": f"{CHILD.format(path=str(self.pid))}\n{DEAF}",
            "3_exits": "import sys\nsys.exit(0)",
            "4_interrupted": "import time\ntime.sleep(600)",
        }
        for name, source in cells.items():
            write_runbook(place, name, [DONE, source, "print('never')"], destructive=False)
        with tkb.connect(settings=self.settings, progress=False) as kb:
            kb.create_workspace("default")
        with ThreadPoolExecutor(len(cells)) as pool:
            runs = list(pool.map(self.run, cells))
            self.returned = dict(zip(cells, runs, strict=True))
        with tkb.connect(settings=self.settings, progress=False) as kb:
            found = map(kb.use_cases.store.runbook_run, kb.runbook_runs()["run_id"])
            self.rows = {run.runbook: run for run in found if run is not None}

    def run(self, name: str) -> RunbookRun | None:
        """One of them; None where the interrupt went on to the caller."""

        def monotonic() -> float:
            """Hours pass when the deaf one is at work."""
            late = name == "2_deaf" and self.pid.exists() and self.pid.read_text()
            return time.monotonic() + (36_000 if late else 0)

        def told(at: CellAt) -> None:
            if name == "4_interrupted" and at.number == 4 and at.seconds is None:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            return run_runbook(
                self.settings, name, {}, actor="ada", told=told, monotonic=monotonic, grace_s=0.5
            )
        return None

    def cells(self, name: str) -> list[Any]:
        path = self.out / str(self.rows[name].notebook)
        return list(nbformat.read(path, as_version=4).cells)


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    yield Faults(tmp_path_factory.mktemp("faults"))


ERRORS = {
    "1_dies": "its kernel died by SIGKILL, as when memory is short: no memory "
    "(cell 4 of 5, A first one)",
    "2_deaf": "its deadline of 1800 s was over (cell 4 of 5, A first one)",
    "3_exits": "SystemExit: 0 (cell 4 of 5, A first one)",
    "4_interrupted": "interrupted (cell 4 of 5, A first one)",
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_run_that_was_ended_has_failed_and_its_row_says_where_and_why(
    faults: Faults, name: str
) -> None:
    row = faults.rows[name]
    assert (row.state, row.outcome, row.result) == ("ended", "failed", None)
    assert row.error == ERRORS[name]
    assert (row.cell_done, row.cell_total) == (3, 5)
    assert faults.returned[name] == (None if name == "4_interrupted" else row)


@pytest.mark.parametrize("name", ERRORS)
def test_the_notebook_of_a_failed_run_keeps_what_was_done_and_shows_what_ended_it(
    faults: Faults, name: str
) -> None:
    cells = faults.cells(name)
    assert cells[3].outputs[0].text == "so far\n"
    assert "error" in [one.output_type for one in cells[4].outputs]
    assert [cell.metadata.papermill.status for cell in cells[3:]] == [
        "completed",
        "failed",
        "pending",
    ]
    page = (faults.out / str(faults.rows[name].report)).read_text(encoding="utf-8")
    assert page.count('id="failed"') == 1
    assert "so far" in page


@pytest.mark.parametrize("name", ERRORS)
def test_somebody_is_told_of_each_failed_run(faults: Faults, name: str) -> None:
    told = [json.loads(path.read_text(encoding="utf-8")) for path in faults.told.iterdir()]
    assert len(told) == len(ERRORS)
    (mine,) = [one for one in told if one["runbook"] == name]
    assert mine == faults.rows[name].to_dict()


def test_what_a_kernel_has_started_ends_with_it(faults: Faults) -> None:
    pid = int(faults.pid.read_text())
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":  # nobody has looked at it yet
            return
        time.sleep(0.05)
    os.kill(pid, 9)
    pytest.fail("it lives")
