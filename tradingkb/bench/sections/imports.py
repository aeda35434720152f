"""What a start takes: `import tradingkb` and `tradingkb --help`, beside `import polars`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tradingkb.bench.machine import children_s
from tradingkb.bench.rows import Findings, Row
from tradingkb.bench.stores import Stores

_NAME: Final = "imports"
_PEER: Final = "import polars"
#: What a process runs, and the largest ratio of its processor time to the peer's that is wanted.
_STARTS: Final = {
    "import tradingkb": (("-c", "import tradingkb"), 1.5),
    "tradingkb --help": (("-m", "tradingkb", "--help"), 2.0),
}


def run(stores: Stores) -> Findings:
    """The least processor time of each, of as many whole processes by turns."""
    rounds = stores.sizes.slow_calls
    programs = {_PEER: ("-c", _PEER)} | {what: program for what, (program, _) in _STARTS.items()}
    took: dict[str, list[float]] = {what: [] for what in programs}
    environment = _environment(stores.folder)
    for number in range(rounds + 1):
        for what, program in programs.items():
            seconds = _processor_s(program, environment)
            if number:  # the first one compiles what no process had compiled before
                took[what].append(seconds)
    least = {what: (min(figures) * 1e3,) for what, figures in took.items()}
    rows = [
        Row(_NAME, what, _PEER, "ms", least[what], least[_PEER], limit)
        for what, (_, limit) in _STARTS.items()
    ]
    note = (
        "imports: processor time (user and system) of whole processes, the interpreter's own start "
        f"included; the least of {rounds} each, by turns."
    )
    return Findings(rows, [note])


def _processor_s(program: tuple[str, ...], environment: dict[str, str]) -> float:
    before = children_s()
    command = [sys.executable, *program]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return children_s() - before


def _environment(folder: Path) -> dict[str, str]:
    """The environment, but modules are compiled once, not again by every process."""
    environment = dict(os.environ)
    if environment.pop("PYTHONDONTWRITEBYTECODE", None):
        environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    return environment
