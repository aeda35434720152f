"""Wiring: what `connect` hands to the parts that it puts together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tradingkb as tkb
from tests.recommend.sweeps import grid

#: Longer than one attempt to get a lease, so that an ingest waits once.
HELD = timedelta(seconds=0.5)


@pytest.mark.parametrize(("progress", "said"), [(None, True), (True, True), (False, False)])
def test_whoever_waits_for_another_process_is_told_unless_no_progress_is_wanted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], progress: bool | None, said: bool
) -> None:
    """Beside what a program reads: on stderr, in pipes as well, where no bar is drawn."""
    with tkb.connect(tmp_path / "home", progress=progress) as kb:
        kb.ingest(grid(1))
        space, now = kb.use_cases.workspaces.find("default"), datetime.now(UTC)
        capfd.readouterr()
        kb.use_cases.store.acquire_lease(f"index:{space.id}", "there:1:0:x", now, now + HELD)
        assert kb.ingest(grid(2)).inserted == 5
    shown = capfd.readouterr()
    wait = "waiting for process 1 on there, which is at work on workspace 'default'"
    assert (wait in shown.err) == said
    assert shown.out == ""
    if progress is False:
        assert shown.err == ""
