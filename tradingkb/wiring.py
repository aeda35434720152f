"""Wiring: settings to a `KnowledgeBase`, over the adapters of its place."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from tradingkb.domain import Workspace
from tradingkb.evaluate import Calibrator, Evaluator
from tradingkb.indexing import Contents, Indexer, Reconciler, Reconciliation, Reembedder
from tradingkb.ingest import Ingester, IngestJob
from tradingkb.jobs import JobRunner, Jobs, Kind, Leases
from tradingkb.knowledge_base import KnowledgeBase, UseCases
from tradingkb.lifecycle import Curator
from tradingkb.monitoring import Notes
from tradingkb.places import embedders_of, servers, store_url, vectors_of
from tradingkb.ports import Again, TrialStore
from tradingkb.presentation import Regime as _DrawnRegime  # noqa: F401 - measured ones have cards
from tradingkb.progress import say, silent
from tradingkb.ranking import EvidenceWeights
from tradingkb.recommend import Asking, EventLog, RecommendConfig, Recommender
from tradingkb.resilience import BreakerJournal, Breakers, Doors
from tradingkb.settings import (
    AnswerSettings,
    Settings,
    load_settings,
)
from tradingkb.sql import is_contended, of_database, open_engine, put_door, refuse_dead_threads
from tradingkb.stores import SqlTrialStore
from tradingkb.upkeep import Backups, Checks, ReembedJob, Retention
from tradingkb.workspaces import Workspaces

#: How long a job waits for the lease of its workspace before it goes back into the queue.
_JOB_PATIENCE_S: Final = 2.0


def connect(
    home: str | Path | None = None,
    *,
    settings: Settings | None = None,
    clock: Callable[[], datetime] = partial(datetime.now, UTC),  # noqa: B008 - reads no clock yet
    monotonic: Callable[[], float] = time.monotonic,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    progress: bool | None = None,
    patience_s: float = 600.0,
    **overrides: Any,
) -> KnowledgeBase:
    """Opens a knowledge base, creating it where there is none.

    Args:
        home: folder of the embedded store; default TRADINGKB_HOME, else ./.tradingkb.
        settings: all settings at once, instead of `home` and `overrides`.
        clock: what "now" is, an aware UTC time.
        monotonic: seconds that only grow, for deadlines.
        new_id: makes ids of requests, runs and workspaces: UUIDs.
        progress: progress bars; None shows them in terminals and notebooks, not in pipes.
        patience_s: how long an ingest waits for another one of its workspace.
        **overrides: single settings by field name, such as `qdrant_url=...`.

    Raises:
        ConfigurationError: a setting cannot be used, EMBED_DIM is not that of EMBED_MODEL, or the
            home cannot be written.
        ForkedError: this process was forked from one that has used Polars.
        StoreTooNewError: a newer release wrote the store.
        BackendUnavailableError: the database or the vector index does not answer.
    """
    refuse_dead_threads()
    given = {**overrides, "home": Path(home) if home is not None else None}
    chosen = settings or load_settings(**given)
    made = embedders_of(chosen)
    # Absolute from here on: a later change of the working folder must not move the store.
    home_path = chosen.absolute_home
    doors = Doors(servers(chosen), clock=clock, monotonic=monotonic)
    door = doors.database(of_database=of_database, is_contended=is_contended)
    engine = open_engine(store_url(chosen, home_path), pool_size=chosen.threads)
    try:
        put_door(engine, door)
        store = SqlTrialStore(engine)
    except BaseException:
        engine.dispose()  # whoever tries again every two seconds would use up the connections
        raise
    try:
        vectors = vectors_of(chosen, store.engine, doors, clock)
    except BaseException:
        store.close()
        raise
    embedders = doors.embedders(made)
    indexer = Indexer(store, vectors, embedders, clock=clock, new_id=new_id)
    workspaces = Workspaces(
        store,
        embed_model=chosen.embed_model,
        collection=chosen.collection,
        clock=clock,
        new_id=new_id,
        again=door.again,
    )
    tell = silent if progress is False else say
    asking = _asking(chosen, store, indexer, workspaces, monotonic, progress, tell, door.again)
    leases = Leases(
        store, clock=clock, new_id=new_id, monotonic=monotonic, tell=tell, patience_s=patience_s
    )
    rejects = home_path / "rejects"
    # A job that cannot begin makes room for those of other workspaces.
    impatient = Leases(
        store, clock=clock, new_id=new_id, monotonic=monotonic, patience_s=_JOB_PATIENCE_S
    )
    set_alias = partial(_set_alias, store, indexer, workspaces)
    kinds = _kinds(store, indexer, workspaces, impatient, rejects, set_alias)
    runner = partial(
        JobRunner,
        store,
        kinds,
        clock=clock,
        new_id=new_id,
        monotonic=monotonic,
        hidden=_hidden(chosen, home_path),
    )
    use_cases = _use_cases(
        chosen,
        store,
        indexer,
        workspaces,
        asking,
        leases,
        rejects,
        doors.breakers,
        kinds,
        runner,
        set_alias,
    )
    return KnowledgeBase(use_cases, chosen, progress=progress)


def _asking(
    settings: Settings,
    store: TrialStore,
    indexer: Indexer,
    workspaces: Workspaces,
    monotonic: Callable[[], float],
    progress: bool | None,
    tell: Callable[[str], None],
    again: Again,
) -> Asking:
    recommender = Recommender(
        store,
        indexer.vectors,
        indexer.embedders,
        _config(settings),
        clock=indexer.clock,
        again=again,
    )
    return Asking(
        workspaces,
        store,
        recommender,
        EventLog(store, settings.replica, tell=tell),
        clock=indexer.clock,
        monotonic=monotonic,
        new_id=indexer.new_id,
        progress=progress,
    )


def _use_cases(
    settings: Settings,
    store: TrialStore,
    indexer: Indexer,
    workspaces: Workspaces,
    asking: Asking,
    leases: Leases,
    rejects: Path,
    breakers: Breakers,
    kinds: Mapping[str, Kind],
    runner: Callable[[], JobRunner],
    set_alias: Callable[[], None],
) -> UseCases:
    clock, recommender = indexer.clock, asking.recommender
    reconciler = Reconciler(store, indexer, leases)

    def repair(workspace: Workspace) -> Reconciliation:
        return reconciler.run([workspaces.target(workspace)], repair=True)

    return UseCases(
        store=store,
        workspaces=workspaces,
        ingester=Ingester(store, indexer, leases, rejects_dir=rejects),
        asking=asking,
        curator=Curator(store, indexer, leases),
        indexer=indexer,
        reconciler=reconciler,
        contents=Contents(store),
        reembedder=Reembedder(store, indexer, leases),
        backups=Backups(store, leases, repair, clock=clock),
        retention=Retention(
            store,
            events_days=settings.events_retention_days,
            runs_days=settings.runs_retention_days,
            runbooks_days=settings.runbooks_retention_days,
            runbook_output=settings.runbook_folder,
            clock=clock,
        ),
        jobs=Jobs(store, kinds, clock=clock, new_id=indexer.new_id),
        job_runner=runner,
        set_alias=set_alias,
        evaluator=Evaluator(store, recommender, clock=clock),
        calibrator=Calibrator(store, recommender, clock=clock),
        checks=Checks(store, indexer.vectors, indexer.embedders, workspaces, breakers),
        breakers=breakers,
        journal=BreakerJournal(store, breakers, settings.replica, clock=clock),
        notes=Notes(store, clock=clock),
        leases=leases,
        again=recommender.again,
    )


def _kinds(
    store: TrialStore,
    indexer: Indexer,
    workspaces: Workspaces,
    leases: Leases,
    rejects: Path,
    set_alias: Callable[[], None],
) -> dict[str, Kind]:
    """What jobs can do, by the name of the kind."""
    ingester = Ingester(store, indexer, leases, rejects_dir=rejects)
    reembedder = Reembedder(store, indexer, leases)
    return {
        "ingest": IngestJob(store, workspaces, ingester, set_alias),
        "reembed": ReembedJob(workspaces, reembedder, indexer.embedders, set_alias),
    }


def _set_alias(store: TrialStore, indexer: Indexer, workspaces: Workspaces) -> None:
    with store.reading():
        indexer.set_alias(workspaces.alias_target())


def _hidden(settings: Settings, home: Path) -> tuple[str, ...]:
    """What no error of a job says."""
    servers = (settings.database_url, settings.qdrant_url, settings.ollama_host)
    found = (str(home), *servers, settings.qdrant_api_key)
    return tuple(text for text in found if text)


def _config(settings: AnswerSettings) -> RecommendConfig:
    return RecommendConfig(
        top_k=settings.top_k,
        neighbour_windows=settings.neighbour_windows,
        tie_epsilon=settings.tie_epsilon,
        embargo_s=settings.embargo_s,
        weights=_weights(settings),
    )


def _weights(settings: AnswerSettings) -> EvidenceWeights:
    return EvidenceWeights(
        neutral=settings.weight_neutral,
        timeframe=settings.weight_timeframe,
        bandwidth_measured=settings.bandwidth_measured,
        bandwidth_stated=settings.bandwidth_stated,
        indifference=settings.indifference,
        few_trades=settings.weight_few_trades,
    )
