"""Wiring: settings to a `KnowledgeBase`. The only module that chooses adapters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tradingkb.domain.regime import FEATURES
from tradingkb.domain.scaling import RegimeScaler
from tradingkb.embedding import cosine, regime
from tradingkb.exceptions import ConfigurationError
from tradingkb.ingest import IngestJob
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.ports import Embedder, VectorIndex
from tradingkb.ranking.evidence import EvidenceWeights
from tradingkb.recommend import RecommendJob
from tradingkb.recommend.job import RecommendConfig
from tradingkb.recommend.record import EventLog
from tradingkb.settings import Settings, load_settings
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore
from tradingkb.vectors.embedded import EmbeddedVectorIndex


def connect(
    home: str | Path | None = None,
    *,
    settings: Settings | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: bool | None = None,
    **overrides: Any,
) -> KnowledgeBase:
    """Opens a knowledge base, creating it where there is none.

    Args:
        home: folder of the embedded store; default TRADINGKB_HOME, else ./.tradingkb.
        settings: all settings at once, instead of `home` and `overrides`.
        clock: what "now" is, an aware UTC time.
        progress: progress bars; None shows them in terminals and notebooks, not in pipes.
        **overrides: single settings by field name, such as `qdrant_url=...`.

    Raises:
        ConfigurationError: a setting cannot be used, EMBED_DIM is not that of EMBED_MODEL, or the
            home cannot be written.
        StoreTooNewError: a newer release wrote the store.
        BackendUnavailableError: the database or the vector index does not answer.
    """
    given = {**overrides, "home": Path(home) if home is not None else None}
    chosen = settings or load_settings(**given)
    _check_dimension(chosen)
    # Absolute from here on: a later change of the working folder must not move the store.
    home_path = chosen.home.expanduser().resolve()
    store = SqlTrialStore(open_engine(_store_url(chosen, home_path)))
    try:
        vectors = _vectors(chosen, store)
    except BaseException:
        store.close()
        raise
    events = EventLog(store, chosen.replica)
    config = RecommendConfig(
        top_k=chosen.top_k,
        neighbour_windows=chosen.neighbour_windows,
        tie_epsilon=chosen.tie_epsilon,
        embargo_s=chosen.embargo_s,
        weights=_weights(chosen),
    )
    return KnowledgeBase(
        store=store,
        vectors=vectors,
        embedders=make_embedder,
        ingest_job=IngestJob(
            store,
            vectors,
            make_embedder,
            rejects_dir=home_path / "rejects",
            clock=clock,
        ),
        recommend_job=RecommendJob(store, vectors, make_embedder, config, events, clock=clock),
        settings=chosen,
        clock=clock,
        progress=progress,
    )


def _weights(settings: Settings) -> EvidenceWeights:
    return EvidenceWeights(
        neutral=settings.weight_neutral,
        timeframe=settings.weight_timeframe,
        regime_measured=settings.weight_regime_measured,
        regime_stated=settings.weight_regime_stated,
        own=settings.weight_own,
        bandwidth_measured=settings.bandwidth_measured,
        bandwidth_stated=settings.bandwidth_stated,
        few_trades=settings.weight_few_trades,
    )


def _store_url(settings: Settings, home: Path) -> sa.URL | str:
    # Built, not formatted: a folder name may hold characters that mean something in a URL.
    return settings.database_url or sa.URL.create("sqlite", database=str(home / "tradingkb.db"))


def make_embedder(model: str, scaler: RegimeScaler | None) -> Embedder:
    """The embedder of that name.

    Raises:
        ConfigurationError: no such embedder.
    """
    if model not in _EMBEDDERS:
        raise ConfigurationError(
            f"EMBED_MODEL {model!r} is not known here; built in are {', '.join(_EMBEDDERS)}"
        )
    return _EMBEDDERS[model](scaler or _NEUTRAL)


def _check_dimension(settings: Settings) -> None:
    """Refuses an EMBED_DIM that a built-in EMBED_MODEL does not have, before anything is opened."""
    if settings.embed_model not in _EMBEDDERS:
        return
    made = make_embedder(settings.embed_model, None).dimension
    if made != settings.embed_dim:
        raise ConfigurationError(
            f"EMBED_DIM is {settings.embed_dim}, but EMBED_MODEL {settings.embed_model!r} makes "
            f"{made} dimensions: set EMBED_DIM={made}"
        )


_EMBEDDERS: dict[str, Callable[[RegimeScaler], Embedder]] = {
    regime.MODEL: regime.RegimeEmbedder,
    cosine.MODEL: cosine.CosineRegimeEmbedder,
}
#: Without any regime there is nothing to embed; the embedder still has a name and a dimension.
_NEUTRAL = RegimeScaler(0, (0.0,) * len(FEATURES), (1.0,) * len(FEATURES), 0)


def _vectors(settings: Settings, store: SqlTrialStore) -> VectorIndex:
    if settings.qdrant_url is None:
        if store.engine.dialect.name != "sqlite":
            raise ConfigurationError(
                "DATABASE_URL names a server, and the embedded vector index needs SQLite: "
                "set QDRANT_URL too"
            )
        return EmbeddedVectorIndex(store.engine)
    from tradingkb.vectors.qdrant import QdrantVectorIndex
    from tradingkb.vectors.qdrant_connection import connect_qdrant

    return QdrantVectorIndex(connect_qdrant(settings.qdrant_url, settings.qdrant_api_key))
