"""Adds up the kills of `tests/survival` over all workers; a full run with too few of them fails.

A plugin of the tests. A campaign that kills nothing is green, so somebody has to count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

#: The operations whose kills count; each has to have some.
OPERATIONS = ("ingest", "archive", "reembed", "migration", "restore")
#: Kills of these at random moments in a full run; those at chosen places come on top.
AT_LEAST = 100
FILES = {path.name for path in (Path(__file__).parent / "survival").glob("test_killed_*.py")}
#: Options that leave tests out.
CHOOSING = ("keyword", "markexpr", "deselect", "lf", "stepwise")


def complaint(at_random: Mapping[str, int]) -> str:
    """What is missing in the counts of a full run; nothing where they suffice."""
    spared = [name for name in OPERATIONS if not at_random.get(name)]
    if spared:
        return f"no kill at a random moment of {', '.join(spared)}"
    total = sum(at_random[name] for name in OPERATIONS)
    return f"{total} kills at random moments, {AT_LEAST} are asked" if total < AT_LEAST else ""


def summary(at_random: Counter[str], placed: Counter[str]) -> str:
    """One line for the end of a run."""
    both = at_random + placed
    parts = ", ".join(f"{name} {both[name]}" for name in sorted(both))
    return f"survival: {both.total()} kills, {at_random.total()} at random moments: {parts}"


class Kills:
    """Hears the reports of all workers."""

    def __init__(self, config: pytest.Config) -> None:
        self.counts = {"kills_at_random": Counter[str](), "kills_placed": Counter[str]()}
        self.files: set[str] = set()
        self.chosen = any(getattr(config.option, name, None) for name in CHOOSING) or any(
            "::" in argument for argument in config.args
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        self.files.add(Path(report.location[0]).name)
        for name, kills in report.user_properties:
            if name in self.counts:
                self.counts[name].update(kills)

    @property
    def missing(self) -> str:
        """What a full run lacks."""
        full = self.files >= FILES and not self.chosen
        return complaint(self.counts["kills_at_random"]) if full else ""

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.missing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        at_random, placed = self.counts["kills_at_random"], self.counts["kills_placed"]
        if at_random or placed:
            terminalreporter.write_line(summary(at_random, placed))
        if self.missing:
            terminalreporter.write_line(f"survival FAILED: {self.missing}", red=True)
