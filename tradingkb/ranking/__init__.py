"""Pure algorithms that judge evidence: standard library and NumPy only."""

from tradingkb.ranking.cells import (
    Cells,
    Level,
    Orders,
    WindowKeys,
    group_means,
    level,
    make_cells,
    make_orders,
    part_of,
    rank_within,
    regime_kernel,
)
from tradingkb.ranking.choose import Choice, Places, choose
from tradingkb.ranking.confidence import Confidence, fit_confidence, forward_rates
from tradingkb.ranking.deflated import deflated_sharpe
from tradingkb.ranking.disjoint import ENOUGH_BLOCKS, disjoint_blocks, luck_variance, overlapping
from tradingkb.ranking.expectation import (
    INTERVAL_LEVEL,
    Expectation,
    expectation,
    t_quantile,
    within,
)
from tradingkb.ranking.nearest import nearest_sets
from tradingkb.ranking.pbo import Pbo, backtest_overfitting
from tradingkb.ranking.plateau import Plateau, coordinates
from tradingkb.ranking.posterior import Posterior, Query, believe
from tradingkb.ranking.rerank import nomination_scores
from tradingkb.ranking.spreads import Spread, spreads
from tradingkb.ranking.study import Learnt, study
from tradingkb.ranking.tiebreak import NEVER, Contest, band_floor, rank_contest
from tradingkb.ranking.trades import few_trades_penalty
from tradingkb.ranking.traits import Traits, traits_of
from tradingkb.ranking.weights import EvidenceWeights

__all__ = [
    "ENOUGH_BLOCKS",
    "INTERVAL_LEVEL",
    "NEVER",
    "Cells",
    "Choice",
    "Confidence",
    "Contest",
    "EvidenceWeights",
    "Expectation",
    "Learnt",
    "Level",
    "Orders",
    "Pbo",
    "Places",
    "Plateau",
    "Posterior",
    "Query",
    "Spread",
    "Traits",
    "WindowKeys",
    "backtest_overfitting",
    "band_floor",
    "believe",
    "choose",
    "coordinates",
    "deflated_sharpe",
    "disjoint_blocks",
    "expectation",
    "few_trades_penalty",
    "fit_confidence",
    "forward_rates",
    "group_means",
    "level",
    "luck_variance",
    "make_cells",
    "make_orders",
    "nearest_sets",
    "nomination_scores",
    "overlapping",
    "part_of",
    "rank_contest",
    "rank_within",
    "regime_kernel",
    "spreads",
    "study",
    "t_quantile",
    "traits_of",
    "within",
]
