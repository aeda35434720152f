"""The SQL adapter of the `TrialStore` port."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TypeVar

import sqlalchemy as sa

from tradingkb.sql import cut_log, open_engine, redone, together, unhurried
from tradingkb.stores.backup import BackupQueries
from tradingkb.stores.breakers import BreakerQueries
from tradingkb.stores.calibrations import CalibrationQueries
from tradingkb.stores.changes import ChangeQueries
from tradingkb.stores.curation import CurationQueries
from tradingkb.stores.digests import DigestQueries
from tradingkb.stores.freshness import FreshnessQueries
from tradingkb.stores.generations import GenerationQueries
from tradingkb.stores.index import IndexQueries
from tradingkb.stores.jobs import JobQueries
from tradingkb.stores.leases import LeaseQueries
from tradingkb.stores.listing import ListingQueries
from tradingkb.stores.migrate import migrate
from tradingkb.stores.pages import PageQueries
from tradingkb.stores.partitions import PartitionQueries
from tradingkb.stores.pipelines import PipelineQueries
from tradingkb.stores.rebuilding import RebuildQueries
from tradingkb.stores.records import RecordQueries
from tradingkb.stores.retention import RetentionQueries
from tradingkb.stores.rollups import RollupQueries
from tradingkb.stores.runbook_runs import RunbookQueries
from tradingkb.stores.schedules import ScheduleQueries
from tradingkb.stores.tenants import WorkspaceQueries
from tradingkb.stores.trial_reports import TrialReportQueries
from tradingkb.stores.trials import TrialQueries
from tradingkb.stores.versions import VersionQueries
from tradingkb.stores.whole import WholeQueries

T = TypeVar("T")

#: How long an event waits for a writer before it is queued: an answer must not be delayed.
EVENT_TIMEOUT_S = 0.05
#: How long PostgreSQL may take to write it.
EVENT_WRITE_S = 1.0


class SqlTrialStore(
    WorkspaceQueries,
    TrialQueries,
    GenerationQueries,
    PartitionQueries,
    ListingQueries,
    CurationQueries,
    VersionQueries,
    LeaseQueries,
    JobQueries,
    IndexQueries,
    PipelineQueries,
    RecordQueries,
    PageQueries,
    TrialReportQueries,
    BreakerQueries,
    RollupQueries,
    RebuildQueries,
    ChangeQueries,
    FreshnessQueries,
    CalibrationQueries,
    BackupQueries,
    DigestQueries,
    WholeQueries,
    RetentionQueries,
    RunbookQueries,
    ScheduleQueries,
):
    """Trials in SQLite or PostgreSQL; see `tradingkb.ports.TrialStore` for the guarantees."""

    def __init__(self, engine: sa.Engine) -> None:
        """Opens the store and brings its schema up to date.

        Raises:
            ConfigurationError: the database cannot be written, or is no tradingkb store.
            StoreTooNewError: it was written by a newer release.
            BackendUnavailableError: it does not answer.
        """
        self.engine = engine
        migrate(engine)

    @cached_property
    def _impatient(self) -> sa.Engine:
        return open_engine(
            self.engine.url,
            timeout_s=EVENT_TIMEOUT_S,
            statement_timeout_s=EVENT_WRITE_S,
            beside=self.engine,
        )

    def reading(self) -> AbstractContextManager[None]:
        """What is read inside is read in one transaction."""
        return together(self.engine)

    def writing(self) -> AbstractContextManager[None]:
        """What is done inside is one transaction: all of it is written at the end, or nothing."""
        return together(self.engine, write=True)

    @redone
    def in_one(self, write: Callable[[], T]) -> T:
        """Runs a function as one transaction; see the port."""
        with together(self.engine, write=True):
            return write()

    def unhurried(self) -> AbstractContextManager[None]:
        """What is asked inside has no deadline, of this store or of the index beside it."""
        return unhurried()

    def close(self) -> None:
        """Releases connections."""
        if "_impatient" in self.__dict__:
            self._impatient.dispose()
        cut_log(self.engine)
        self.engine.dispose()
