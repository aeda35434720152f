"""What a choice stakes against the defaults, as far as it was known when it was made.

The same facts go into the outcomes that the confidence is fitted on and into the question that it
answers later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tradingkb.domain import canonical_params
from tradingkb.recommend.judging.judge import Chosen, Evidence, Judged
from tradingkb.recommend.known import Context

#: From this lead in smoothed rank on, a choice is clearly ahead of the defaults.
CLEAR_LEAD: Final = 0.03
#: Bands of evidence by code.
BANDS: Final = ("degraded", "ok, small lead", "ok, clear lead")
STAKE_FEATURES: Final = ("lead", "log_own_windows", "log_quarters", "trades_saved")


@dataclass(frozen=True)
class Stake:
    """A choice against the defaults.

    Attributes:
        defaults: the defaults' parameter set.
        band: code in `BANDS`.
        features: `STAKE_FEATURES`: lead in score over the defaults; logarithms of 1 + own windows
            and of 1 + quarters behind the choice; how much less it trades, in rank. NaN where
            unknown.
    """

    defaults: int
    band: int
    features: tuple[float, ...]


def stake(
    c: Context, evidence: Evidence, judged: Judged, chosen: Chosen, *, ok: bool
) -> Stake | None:
    """What the choice stakes; None without tested defaults, and where it *is* the defaults."""
    params = c.spec.defaults if c.spec else None
    defaults = c.view.pset_index.get(canonical_params(params)) if params else None
    pset = chosen.pset if chosen.tested_pset is None else chosen.tested_pset
    if defaults is None or pset == defaults:
        return None
    lead = float(judged.score[pset] - judged.score[defaults])
    lead = lead if np.isfinite(lead) else float("nan")
    levels = judged.rank.levels
    price = dict(zip(c.pool.active.tolist(), evidence.standing.price.tolist(), strict=True))
    saved = price.get(defaults, float("nan")) - price.get(pset, float("nan"))
    band = 0 if not ok else 2 if lead >= CLEAR_LEAD else 1
    counts = (float(levels[name].n[pset]) for name in ("own", "everything"))
    return Stake(defaults, band, (lead, *(float(np.log1p(n)) for n in counts), saved))
