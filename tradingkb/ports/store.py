"""The port of the store: the truth."""

from __future__ import annotations

from typing import Protocol

from tradingkb.ports.backup import BackupStore, RetentionStore
from tradingkb.ports.calibration import CalibrationStore
from tradingkb.ports.curation import StatusStore, WithdrawalStore
from tradingkb.ports.freshness import FreshnessStore
from tradingkb.ports.index import DeletionStore, IndexStore
from tradingkb.ports.jobs import JobStore
from tradingkb.ports.records import BreakerStore, EventStore, LeaseStore, PageStore, RunStore
from tradingkb.ports.reports import ReportStore
from tradingkb.ports.runbooks import RunbookStore, ScheduleStore
from tradingkb.ports.tenants import SpecStore, WorkspaceStore
from tradingkb.ports.trial_reports import TrialReportStore
from tradingkb.ports.trials import (
    ContentStore,
    DocumentStore,
    IdentityStore,
    ListingStore,
    PartitionStore,
    SelectionStore,
    TransactionStore,
    WholeStore,
    WriterStore,
)


class TrialStore(
    WorkspaceStore,
    SpecStore,
    TransactionStore,
    IdentityStore,
    DocumentStore,
    SelectionStore,
    ContentStore,
    WholeStore,
    WriterStore,
    PartitionStore,
    ListingStore,
    TrialReportStore,
    IndexStore,
    DeletionStore,
    StatusStore,
    WithdrawalStore,
    RunStore,
    EventStore,
    LeaseStore,
    JobStore,
    PageStore,
    BreakerStore,
    ReportStore,
    FreshnessStore,
    CalibrationStore,
    BackupStore,
    RetentionStore,
    RunbookStore,
    ScheduleStore,
    Protocol,
):
    """The truth, whole: the sum of the ports that use cases name one by one.

    Guarantees of each of them: writes are atomic per call and visible to every process when the
    call returns; readers never wait for writers; a backend that does not answer raises
    BackendUnavailableError. Frames carry times as aware UTC.
    """

    def close(self) -> None:
        """Releases connections."""
