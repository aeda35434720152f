"""One backtest: positions and prices in, six figures out.

Rules: a position decided on the close of bar t is filled at the open of t + 1. Every trade stakes
the whole equity and then holds a fixed number of shares. Each fill costs `cost` of the traded
value. The account is flat before the first bar's open (a position inherited from the bar before
is bought there, and paid for) and sold at the last close. An equity of zero is ruin: the account
stays at zero and trades no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sample.prices import FloatArray
from sample.strategies import Positions

COST_BPS = 5.0
COST = COST_BPS / 10_000


@dataclass(frozen=True)
class Account:
    """What one backtest did: equity at each close (starting capital 1.0) and trades' returns.

    `trades` holds net returns as fractions, in order of entry.
    """

    equity: FloatArray
    trades: FloatArray


@dataclass(frozen=True)
class Metrics:
    """Fractions, not percent; Sharpe annualised. `max_drawdown_frac` is positive.

    `win_rate` is None without trades, `profit_factor` is None without a losing trade.
    """

    sharpe: float
    return_frac: float
    max_drawdown_frac: float
    n_trades: int
    win_rate: float | None
    profit_factor: float | None


def simulate(open_: FloatArray, close: FloatArray, held: Positions, cost: float = COST) -> Account:
    """Trades one window.

    Args:
        open_: opens of the window's bars.
        close: closes of the same bars.
        held: position held from each bar's open to the next open (+1, 0, -1).
        cost: fraction of the traded value that each fill costs.

    A trade of side s, bought at P and sold at Q, multiplies the equity by
    (1 - cost) * (1 + s * (Q / P - 1) - cost * Q / P).
    """
    entry, leave = _trades(held)
    if not len(entry):
        return Account(np.ones(len(close)), np.empty(0))
    side, bought = held[entry].astype(np.float64), open_[entry]
    sold = np.append(open_, close[-1])[leave]
    multiple = (1 - cost) * (1 + side * (sold / bought - 1) - cost * sold / bought)
    settled = np.concatenate([[1.0], np.cumprod(multiple)])
    trade = np.searchsorted(entry, np.arange(len(close)), side="right") - 1
    paper = 1 + side[trade] * (close / bought[trade] - 1)
    running = settled[trade] * (1 - cost) * paper
    equity = np.where(held != 0, running, settled[trade + 1])
    equity[-1] = settled[-1]
    return _ruined(equity, multiple - 1, entry)


def _trades(held: Positions) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Bars of entry and exit; an exit of len(held) is the forced sale at the last close."""
    before = np.concatenate([[np.int8(0)], held[:-1]])
    changes = np.flatnonzero(held != before)
    entry = changes[held[changes] != 0]
    following = np.append(changes, len(held))
    return entry, following[np.searchsorted(changes, entry, side="right")]


def _ruined(equity: FloatArray, trades: FloatArray, entry: npt.NDArray[np.intp]) -> Account:
    """The account as it is, or ended at the first bar that closes with nothing left."""
    broke = np.flatnonzero(equity <= 0)
    if not len(broke):
        return Account(equity, trades)
    equity[broke[0] :] = 0.0
    lived = trades[: np.searchsorted(entry, broke[0], side="right")].copy()
    # The losing trade is the first one below -1, or the last one while it was still open.
    fatal = np.flatnonzero(lived <= -1)
    last = int(fatal[0]) if len(fatal) else len(lived) - 1
    lived[last] = -1.0
    return Account(equity, lived[: last + 1])


def measure(account: Account, periods_per_year: float) -> Metrics:
    """The six figures of one account."""
    equity, trades = account.equity, account.trades
    path = np.concatenate([[1.0], equity])
    peak = np.maximum.accumulate(path)
    gain, loss = float(trades[trades > 0].sum()), float(-trades[trades < 0].sum())
    return Metrics(
        sharpe=sharpe(path, periods_per_year),
        return_frac=float(equity[-1] - 1),
        max_drawdown_frac=float(np.max(1 - path / peak)),
        n_trades=len(trades),
        win_rate=float(np.mean(trades > 0)) if len(trades) else None,
        profit_factor=gain / loss if loss > 0 else None,
    )


def sharpe(path: FloatArray, periods_per_year: float) -> float:
    """Annualised Sharpe ratio without a risk-free rate (Sharpe 1994): mean / deviation of returns.

    Args:
        path: equity from the starting capital on, one value more than there are bars.
        periods_per_year: bars per year; the ratio grows with its square root.

    The deviation is the population's (ddof 0). 0 when the equity never moved.
    """
    before = path[:-1]
    returns = np.divide(path[1:], before, out=np.ones(len(before)), where=before > 0) - 1
    deviation = float(returns.std())
    if deviation < 1e-12:
        return 0.0
    return float(returns.mean()) / deviation * math.sqrt(periods_per_year)
