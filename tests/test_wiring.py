"""Wiring: what `connect` hands to the parts that it puts together."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

import tradingkb as tkb
from tests.recommend.sweeps import grid

#: Seconds between two looks at a clock: a lease that is seen a few times has not changed for long.
LOOK_S = 25


@pytest.mark.parametrize(("progress", "said"), [(None, True), (True, True), (False, False)])
def test_whoever_waits_for_another_process_is_told_unless_no_progress_is_wanted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], progress: bool | None, said: bool
) -> None:
    """Beside what a program reads: on stderr, in pipes as well, where no bar is drawn."""
    seconds = count(0.0, LOOK_S)
    with tkb.connect(tmp_path / "home", progress=progress, monotonic=lambda: next(seconds)) as kb:
        kb.ingest(grid(1))
        space, now = kb.use_cases.workspaces.find("default"), datetime.now(UTC)
        capfd.readouterr()
        kb.use_cases.store.acquire_lease(f"index:{space.id}", "there:1:0:x", now, now)
        assert kb.ingest(grid(2)).inserted == 5
    shown = capfd.readouterr()
    wait = "waiting for process 1 on there, which is at work on workspace 'default'"
    assert (wait in shown.err) == said
    assert shown.out == ""
    if progress is False:
        assert shown.err == ""
