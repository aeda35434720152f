"""`python -m tradingkb.runbooks.running`: runs what stdin says, for `start_runbook`."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from tradingkb.exceptions import TradingKBError
from tradingkb.observability import configure_logging
from tradingkb.runbooks.running.runner import run_runbook
from tradingkb.settings import Settings, load_settings


def main(asked: dict[str, Any], settings: Settings) -> int:
    """Runs what is asked for; its row says what came of it, and the exit code whether it failed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    configure_logging(settings.service_log_level, settings.log_format)
    try:
        run = run_runbook(
            settings,
            asked["name"],
            asked["parameters"],
            actor=asked["actor"],
            deadline_s=asked["deadline_s"],
            run_id=asked["run_id"],
        )
    except KeyboardInterrupt:
        return 130
    except TradingKBError as error:
        _end(settings, asked["run_id"], str(error))
        return 1
    return int(run.outcome == "failed")


def _end(settings: Settings, run_id: str, why: str) -> None:
    """Ends the row that was stored when it was asked for: it was not to be started."""
    from tradingkb.wiring import connect

    with connect(settings=settings, progress=False) as kb:
        now = kb.use_cases.indexer.clock()
        kb.use_cases.store.end_runbook_run(run_id, now, "failed", error=why)


if __name__ == "__main__":
    sys.exit(main(json.load(sys.stdin), load_settings()))
