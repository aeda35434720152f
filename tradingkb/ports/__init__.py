"""Ports: what the jobs need from stores, vector indexes and embedders, and what each guarantees.

SQL is the truth; the vector index is derived. A search returns ids and similarities only; every
candidate is then read from SQL, and payloads of a vector index are never trusted.
"""

from tradingkb.ports.backup import (
    BackupContents,
    BackupStore,
    Digest,
    Restored,
    RetentionStore,
    Surveyed,
)
from tradingkb.ports.calibration import Calibration, CalibrationStore
from tradingkb.ports.curation import StatusStore, WithdrawalStore
from tradingkb.ports.embedders import (
    PAYLOAD_VERSION,
    Embedder,
    EmbedderFactory,
    QueryVector,
    WindowDocument,
)
from tradingkb.ports.freshness import FreshnessStore, LastTimes
from tradingkb.ports.index import DeletionStore, IndexStore, PipelineStore
from tradingkb.ports.jobs import FINISHED, Job, JobState, JobStore
from tradingkb.ports.patience import Again, once, patience, seconds_left
from tradingkb.ports.records import (
    BreakerStore,
    EventStore,
    HeldLease,
    LeaseStore,
    PageStore,
    RunStore,
)
from tradingkb.ports.reports import Bucket, ReportStore
from tradingkb.ports.runbooks import (
    SUCCEEDED,
    RunbookOutcome,
    RunbookRun,
    RunbookState,
    RunbookStore,
    ScheduleState,
    ScheduleStore,
    ScheduleTick,
    TickDecision,
)
from tradingkb.ports.store import TrialStore
from tradingkb.ports.tenants import SpecStore, WorkspaceStore
from tradingkb.ports.trial_reports import (
    TrialOrder,
    TrialPlace,
    TrialQuery,
    TrialReportStore,
)
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
from tradingkb.ports.values import Partition, PartitionNews, RunRecord
from tradingkb.ports.vectors import (
    PAYLOAD,
    CollectionInfo,
    Floats32,
    Points,
    SnapshotInfo,
    VectorFilter,
    VectorIndex,
    WindowHit,
)

__all__ = [
    "FINISHED",
    "PAYLOAD",
    "PAYLOAD_VERSION",
    "SUCCEEDED",
    "Again",
    "BackupContents",
    "BackupStore",
    "BreakerStore",
    "Bucket",
    "Calibration",
    "CalibrationStore",
    "CollectionInfo",
    "ContentStore",
    "DeletionStore",
    "Digest",
    "DocumentStore",
    "Embedder",
    "EmbedderFactory",
    "EventStore",
    "Floats32",
    "FreshnessStore",
    "HeldLease",
    "IdentityStore",
    "IndexStore",
    "Job",
    "JobState",
    "JobStore",
    "LastTimes",
    "LeaseStore",
    "ListingStore",
    "PageStore",
    "Partition",
    "PartitionNews",
    "PartitionStore",
    "PipelineStore",
    "Points",
    "QueryVector",
    "ReportStore",
    "Restored",
    "RetentionStore",
    "RunRecord",
    "RunStore",
    "RunbookOutcome",
    "RunbookRun",
    "RunbookState",
    "RunbookStore",
    "ScheduleState",
    "ScheduleStore",
    "ScheduleTick",
    "SelectionStore",
    "SnapshotInfo",
    "SpecStore",
    "StatusStore",
    "Surveyed",
    "TickDecision",
    "TransactionStore",
    "TrialOrder",
    "TrialPlace",
    "TrialQuery",
    "TrialReportStore",
    "TrialStore",
    "VectorFilter",
    "VectorIndex",
    "WholeStore",
    "WindowDocument",
    "WindowHit",
    "WithdrawalStore",
    "WorkspaceStore",
    "WriterStore",
    "once",
    "patience",
    "seconds_left",
]
