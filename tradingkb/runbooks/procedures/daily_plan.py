"""What runbook 09 does: a backup that can be read, fewer old ones, a repair, a calibration."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import ConfigurationError, InvalidInputError, StoreDamagedError
from tradingkb.runbooks.procedures.index_state import differences

if TYPE_CHECKING:
    from tradingkb.indexing import Reconciliation
    from tradingkb.runbooks.book import Run
    from tradingkb.runbooks.procedures.daily_health import Age

_BEGIN: Final = "tradingkb-"
_END: Final = ".tkb"


@dataclass
class _Made:
    """The backup of this run, once it is written."""

    path: Path | None = None
    rows: dict[str, int] = field(default_factory=dict)


def folder_of(run: Run, given: str) -> Path:
    """Where backups are: the folder that was given, else `backups` in the home."""
    return (
        Path(given).expanduser().absolute() if given else run.kb.settings.absolute_home / "backups"
    )


def backups_in(folder: Path) -> list[Path]:
    """The backups of this runbook, oldest first; other files of the folder are none of its own."""
    return sorted(folder.glob(f"{_BEGIN}*Z{_END}")) if folder.is_dir() else []


def plan(run: Run, found: Reconciliation | None, ages: list[Age]) -> None:
    """Plans what the parameters ask for and is needed.

    Raises:
        InvalidInputError: fewer than one backup is to be kept.
    """
    given = run.parameters
    if given["backup"]:
        plan_backup(run, folder_of(run, given["backup_folder"]), given["keep"])
    if given["repair"]:
        plan_repair(run, found)
    if given["calibrate"]:
        plan_calibration(run, ages, given["objective_type"])


def plan_backup(run: Run, folder: Path, keep: int) -> None:
    """Plans a backup, the reading of it, and the end of those that are too many by then.

    Args:
        run: of the runbook.
        folder: of the backups; it is made where it is missing.
        keep: newest backups that are kept.

    Raises:
        InvalidInputError: fewer than one is to be kept.
    """
    if keep < 1:
        raise InvalidInputError(
            f"{keep} backups are no backup", field="keep", remedy="keep at least 1"
        )
    made = _Made()
    expected = {"trials": run.kb.use_cases.store.row_counts()["trials"]}
    run.step(
        "backup",
        f"write a backup of the whole store into {folder}",
        partial(_write, run, folder, made),
        expected,
        undo="delete {path}",
    )
    run.step("read", "read the backup whole, by its checksums", partial(_read, run, made), expected)
    surplus = len(backups_in(folder)) + 1 - keep
    if surplus > 0:
        run.step(
            "forget",
            f"delete all but the newest {keep} backups",
            partial(_forget, folder, keep),
            {"deleted": surplus},
            undo="none: keep more of them with keep",
        )


def plan_repair(run: Run, found: Reconciliation | None) -> None:
    """Plans the repair of the index, where it differs from SQL."""
    if found is not None and not found.clean:
        run.step(
            "repair",
            f"repair {differences(found.before):,} differences of the vector index",
            partial(_repair, run),
            {"differences": 0},
            undo="none is needed: the index follows SQL",
        )


def plan_calibration(run: Run, ages: list[Age], objective_type: str) -> None:
    """Plans a calibration where the last one is too old; last, because it may take long."""
    if any(age.what == "last calibration" and age.late for age in ages):
        run.step(
            "calibrate",
            f"fit the confidence of {objective_type} answers on what became of past decisions",
            partial(run.kb.calibrate, objective_type, run.workspace),
            undo="none is needed: the next one takes its place, and earlier ones stay for audits",
        )


def _write(run: Run, folder: Path, made: _Made) -> dict[str, Any]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder of the backups {folder} cannot be made ({error.strerror}): give another "
            "one with backup_folder"
        ) from None
    at = run.kb.use_cases.indexer.clock()
    report = run.kb.backup(folder / f"{_BEGIN}{at:%Y%m%dT%H%M%SZ}{_END}")
    made.path, made.rows = Path(report.path), report.rows
    return {
        "path": report.path,
        "trials": report.rows["trials"],
        "rows": sum(report.rows.values()),
        "size_bytes": report.size_bytes,
    }


def _read(run: Run, made: _Made) -> dict[str, Any]:
    if made.path is None:
        raise ConfigurationError("no backup was written")
    found = run.kb.check_backup(made.path)
    if found.rows != made.rows:
        raise StoreDamagedError(f"{made.path} does not hold what was written into it")
    return {"trials": found.rows["trials"], "rows": sum(found.rows.values())}


def _forget(folder: Path, keep: int) -> dict[str, Any]:
    known = backups_in(folder)
    for path in known[:-keep]:
        path.unlink(missing_ok=True)
    return {"deleted": len(known[:-keep]), "kept": len(known[-keep:])}


def _repair(run: Run) -> dict[str, Any]:
    report = run.kb.reconcile(repair=True, workspace=run.workspace)
    before = differences(report.before)
    after = differences(report.before if report.after is None else report.after)
    return {"differences": after, "repaired": before - after}
