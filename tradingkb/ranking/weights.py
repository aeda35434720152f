"""What is believed before a store has shown more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvidenceWeights:
    """What is believed before the store has shown more; every answer records what made it.

    Attributes:
        neutral: quarters' worth of belief that a parameter set is average.
        timeframe: quarters' worth of all other timeframes in the own one's mean.
        bandwidth_measured, bandwidth_stated: width h of exp(-d^2 / (2 h^2)), d in robust standard
            deviations: how like a regime is shown to be; it decides nothing.
        indifference: sets within so many standard deviations of the best one's estimate are not
            told apart; among them the mean rank decides.
        few_trades: rank given up, among those, per unit of the rank of in-sample trades.
    """

    neutral: float = 10.0
    timeframe: float = 10.0
    bandwidth_measured: float = 1.0
    bandwidth_stated: float = 0.5
    indifference: float = 0.5
    few_trades: float = 0.05

    def bandwidth(self, *, stated: bool) -> float:
        """The width of the regime kernel."""
        return self.bandwidth_stated if stated else self.bandwidth_measured
