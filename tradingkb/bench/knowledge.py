"""Knowledge bases of the benchmark, and the questions that are put to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tradingkb.domain import STRICT, Regime
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.ports import Embedder, Floats32, VectorFilter, VectorIndex, WindowHit
from tradingkb.recommend import Recommendation
from tradingkb.settings import Settings
from tradingkb.wiring import connect

#: How many neighbours are asked for, as a recommendation does by default.
NEIGHBOURS: Final = 100
#: The instrument in every question.
SYMBOL: Final = "SYM01"


def open_kb(home: Path, database_url: str | None = None) -> KnowledgeBase:
    """The knowledge base in that folder, or in that database, whatever the environment says.

    With settings from the environment, a million made-up trials could land in somebody's server.
    """
    return connect(
        settings=Settings.model_construct(home=home, database_url=database_url), progress=False
    )


def ask(kb: KnowledgeBase, strategy_name: str, market: Regime) -> Recommendation:
    """One recommendation, as a notebook asks for it once it has measured the market."""
    return kb.recommend(strategy_name, regime=market, symbol=SYMBOL, timeframe="1d")


def request_of(strategy_name: str, market: Regime) -> dict[str, Any]:
    """A question as HTTP and `kb.recommend` take it: about a market that is stated."""
    return {
        "strategy_name": strategy_name,
        "regime": dict(market.features),
        "symbol": SYMBOL,
        "timeframe": "1d",
    }


class Retrieval:
    """What a recommendation about one strategy asks the vector index, under strict filters."""

    def __init__(self, kb: KnowledgeBase, strategy_name: str) -> None:
        space = kb.workspaces().row(0, named=True)
        indexer = kb.use_cases.indexer
        self._vectors: VectorIndex = indexer.vectors
        self._collection: str = space["collection"]
        scaler = kb.use_cases.store.scaler(space["id"])
        self.embedder: Embedder = indexer.embedders(space["embed_model"], scaler)
        self.where = VectorFilter(
            workspace_id=space["id"],
            strategy_name=strategy_name,
            require_oos=STRICT.require_oos,
            max_drawdown=STRICT.max_drawdown,
            min_trades=STRICT.min_trades,
            max_overfit_gap=STRICT.max_overfit_gap,
        )

    def vector(self, market: Regime) -> Floats32:
        """The query of a market that was measured."""
        return self.embedder.embed_query(market, "before").vector

    def nearest(self, vector: Floats32) -> list[WindowHit]:
        """The nearest windows."""
        return self._vectors.nearest_windows(self._collection, vector, self.where, NEIGHBOURS)
