"""Pure algorithms that judge evidence: standard library and NumPy only."""

from tradingkb.ranking.choose import (
    Choice,
    Expectation,
    Spread,
    choose,
    evidence_mass,
    expectation,
    few_trades_penalty,
    spreads,
)
from tradingkb.ranking.confidence import Confidence, fit_confidence, forward_rates
from tradingkb.ranking.deflated import deflated_sharpe
from tradingkb.ranking.disjoint import ENOUGH_BLOCKS, disjoint_blocks, luck_variance, overlapping
from tradingkb.ranking.evidence import (
    Cells,
    Estimate,
    EvidenceWeights,
    Level,
    Query,
    estimate,
    fixed_levels,
    make_cells,
    moving_levels,
    rank_within,
    regime_kernel,
    window_level,
)
from tradingkb.ranking.expected import Background, Expected, background, expected_utility
from tradingkb.ranking.nearest import nearest_sets
from tradingkb.ranking.pbo import Pbo, backtest_overfitting
from tradingkb.ranking.plateau import Plateau, coordinates
from tradingkb.ranking.rerank import nomination_scores
from tradingkb.ranking.tiebreak import NEVER, Contest, band_floor, rank_contest

__all__ = [
    "ENOUGH_BLOCKS",
    "NEVER",
    "Background",
    "Cells",
    "Choice",
    "Confidence",
    "Contest",
    "Estimate",
    "EvidenceWeights",
    "Expectation",
    "Expected",
    "Level",
    "Pbo",
    "Plateau",
    "Query",
    "Spread",
    "background",
    "backtest_overfitting",
    "band_floor",
    "choose",
    "coordinates",
    "deflated_sharpe",
    "disjoint_blocks",
    "estimate",
    "evidence_mass",
    "expectation",
    "expected_utility",
    "few_trades_penalty",
    "fit_confidence",
    "fixed_levels",
    "forward_rates",
    "luck_variance",
    "make_cells",
    "moving_levels",
    "nearest_sets",
    "nomination_scores",
    "overlapping",
    "rank_contest",
    "rank_within",
    "regime_kernel",
    "spreads",
    "window_level",
]
