"""What the steps before the choice found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradingkb.recommend import judge as j
from tradingkb.recommend import tables as t
from tradingkb.recommend.nominate import Filtered
from tradingkb.recommend.retrieve import Retrieved

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Findings:
    """What the steps before the choice found.

    Attributes:
        rows: nominated trials; `ranking` has the best of them in order.
        distance, kernel: shape (w,), None without a regime.
    """

    filtered: Filtered
    found: Retrieved
    evidence: j.Evidence
    judged: j.Judged
    rows: Ints
    ranking: t.Ranking
    distance: Floats | None
    kernel: Floats | None

    @property
    def metadata_only(self) -> bool:
        """Whether a wanted similarity could not be computed."""
        return self.found.reason is not None
