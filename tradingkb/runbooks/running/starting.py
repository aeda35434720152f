"""Starting a run in a process of its own, which outlives whoever has asked for it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import tradingkb
from tradingkb.exceptions import ConfigurationError
from tradingkb.plain import plain
from tradingkb.ports import RunbookRun
from tradingkb.runbooks.running.asking import Asked, checked, new_run, told_unstarted
from tradingkb.runbooks.running.environment import settings_environment
from tradingkb.settings import Settings


def start_runbook(
    settings: Settings,
    name: str,
    parameters: Mapping[str, Any],
    *,
    actor: str,
    deadline_s: float | None = None,
    clock: Callable[[], datetime] = partial(datetime.now, UTC),  # noqa: B008 - reads no clock yet
) -> RunbookRun:
    """Starts a runbook and returns at once; `KnowledgeBase.runbook_run` says how far it is.

    Args:
        settings: those in force, for the other process too.
        name: of the runbook, or the beginning of it.
        parameters: by name; texts are read as their types.
        actor: who asks.
        deadline_s: seconds after which it is ended; the runbook's own unless given.
        clock: what "now" is, an aware UTC time.

    Returns:
        The run, whose state is "starting".

    Raises:
        InvalidInputError: an unknown runbook, parameter or workspace, a missing or wrong value;
            nothing was started.
        ConfigurationError: the notebook is no runbook, the extra `runbooks` is not installed, or no
            process can be started.
        BackendUnavailableError: the store does not answer.
    """
    from tradingkb.wiring import connect

    asked = Asked(name, dict(parameters), actor, deadline_s=deadline_s)
    with told_unstarted(settings, asked):
        what = checked(settings, asked)
        with connect(settings=settings, progress=False, clock=clock) as kb:
            kb.use_cases.workspaces.find(str(what.values["workspace"]))
            run = new_run(tradingkb.__version__, asked, what, clock())
            store = kb.use_cases.store
            store.add_runbook_run(run)
            try:
                _begin(settings, {**vars(asked), "name": run.runbook, "run_id": run.run_id})
            except OSError as error:
                why = f"no process could be started for it: {error.strerror}"
                store.end_runbook_run(run.run_id, clock(), "failed", error=why)
                raise ConfigurationError(why) from None
    return run


def _begin(settings: Settings, asked: Mapping[str, Any]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tradingkb.runbooks.running"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=settings_environment(settings),  # its log goes where this process's goes
        start_new_session=True,
        text=True,
    )
    threading.Thread(target=process.wait, name="runbook child", daemon=True).start()
    if process.stdin is not None:
        with process.stdin as told:
            json.dump(plain(dict(asked)), told)
