"""What every store must say of when things last happened."""

from __future__ import annotations

from datetime import timedelta

from tradingkb.ports import LastTimes, TrialStore
from tradingkb.testing.stored import (
    NOON,
    OTHER_WORKSPACE,
    WORKSPACE,
    calibration,
    event,
    run_record,
    trial_frame,
    workspace,
)

_HOUR = timedelta(hours=1)


class FreshnessContract:
    """Part of `TrialStoreContract`."""

    def test_of_what_never_happened_there_is_no_time(self, kb: TrialStore) -> None:
        assert kb.last_times(WORKSPACE) == LastTimes(None, None, None, None, None, None)

    def test_the_last_of_each_thing_counts_wherever_it_was_written(self, kb: TrialStore) -> None:
        hours = 2, 3, 1
        for n in hours:
            at = NOON + n * _HOUR
            kb.save_run(run_record(f"done-{n}").ended("completed", at, {}))
            kb.save_run(run_record(f"failed-{n}").ended("failed", at + 10 * _HOUR, {}))
            kb.save_calibration(WORKSPACE, calibration(fitted_at=at + 20 * _HOUR))
            kb.note_change(None, at + 30 * _HOUR, "backup", "ann", {})
            kb.save_event(event(at=at + 40 * _HOUR))
        rows = [{"source_id": f"t{n}", "known_at": NOON - n * _HOUR} for n in hours]
        kb.write_trials(WORKSPACE, trial_frame(kb, *rows))
        assert kb.last_times(WORKSPACE) == LastTimes(
            NOON + 3 * _HOUR,
            NOON + 13 * _HOUR,
            NOON + 23 * _HOUR,
            NOON + 33 * _HOUR,
            NOON + 43 * _HOUR,
            NOON - 1 * _HOUR,
        )

    def test_what_is_still_running_or_is_no_ingest_or_a_probe_does_not_count(
        self, kb: TrialStore
    ) -> None:
        kb.save_run(run_record("running"))
        kb.save_run(run_record("other", kind="reembed").ended("completed", NOON, {}))
        kb.note_change(None, NOON, "restore", "ann", {})
        kb.save_event(event(source="probe"))
        assert kb.last_times(WORKSPACE) == LastTimes(None, None, None, None, None, None)

    def test_another_workspace_shares_the_backup_alone(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        kb.save_run(run_record().ended("completed", NOON, {}))
        kb.save_event(event())
        kb.save_calibration(WORKSPACE, calibration())
        kb.note_change(None, NOON, "backup", "ann", {})
        kb.write_trials(WORKSPACE, trial_frame(kb, {}))
        assert kb.last_times(OTHER_WORKSPACE) == LastTimes(None, None, None, NOON, None, None)
