"""A question: about what, in which market, by whom, and until when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from numbers import Real
from typing import Any, Final, Literal

from tradingkb.domain.names import is_unicode
from tradingkb.domain.overrides import Overrides
from tradingkb.domain.regime import Regime
from tradingkb.exceptions import DeadlineExceededError, InvalidInputError

Mode = Literal["full", "debug"]
#: Who asked; probes are left out of the rates.
Caller = Literal["python", "cli", "http", "dashboard", "runbook", "probe"]
MarketKind = Literal["measured", "stated", "none"]
_CALLERS: Final = ("python", "cli", "http", "dashboard", "runbook", "probe")
_LONGEST_ID: Final = 64


@dataclass(frozen=True)
class Market:
    """The market that a question is about.

    Attributes:
        regime: measured or stated, None when nothing was given.
        symbol, timeframe: the instrument, where it is known; its own history speaks too.
        warnings: codes that reading it raised; `notes` are the sentences behind them.
    """

    regime: Regime | None = None
    symbol: str | None = None
    timeframe: str | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("symbol", "timeframe"):
            _check_text(name, getattr(self, name))

    @property
    def kind(self) -> MarketKind:
        """Whether the regime was measured, stated or not given."""
        if self.regime is None:
            return "none"
        return "stated" if self.regime.source == "stated" else "measured"


@dataclass(frozen=True)
class Deadline:
    """Until when an answer is wanted.

    Attributes:
        at_s: a time of `clock`, seconds.
        clock: seconds that only ever grow.
    """

    at_s: float
    clock: Callable[[], float]

    def left(self) -> float:
        """Seconds that are left, negative when it has passed."""
        return self.at_s - self.clock()

    def check(self, step: str) -> None:
        """Raises DeadlineExceededError when it has passed; `step` is what was done last."""
        late = -self.left()
        if late > 0:
            raise DeadlineExceededError(
                f"the answer was not ready in time: {late:.1f} s late after {step}; "
                "ask again, or allow more time"
            )


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        strategy_name: which strategy.
        objective_type: what a trial is judged by.
        market: the market, and the instrument in it.
        overrides: of the filters.
        min_deflated_sharpe: parameter sets of a lower deflated Sharpe ratio are not chosen, in
            [0, 1]; None for no limit.
        max_pbo: nothing is chosen where the probability of backtest overfitting is higher or
            unknown, in [0, 1]; None for no limit.
        strategy_version: which version's evidence; None for the registered or newest one.
        own_trades: canonical params to in-sample trade counts of the user's current tuning.
        as_of: only what was knowable then counts; None for now.
        mode: "debug" adds the funnel, the weights and every parameter set's evidence.
        caller: who asks, recorded with the event.
        request_id: under which name the answer is logged and stored.
        deadline: until when; None for as long as it takes.
    """

    strategy_name: str
    objective_type: str = "sharpe"
    market: Market = field(default_factory=Market)
    overrides: Overrides = field(default_factory=Overrides)
    min_deflated_sharpe: float | None = None
    max_pbo: float | None = None
    strategy_version: str | None = None
    own_trades: Mapping[str, float] | None = None
    as_of: datetime | None = None
    mode: Mode = "full"
    caller: Caller = "python"
    request_id: str = ""
    deadline: Deadline | None = None

    def __post_init__(self) -> None:
        if not self.strategy_name or not isinstance(self.strategy_name, str):
            raise InvalidInputError(
                f"{self.strategy_name!r} is no strategy name",
                field="strategy_name",
                remedy="name a strategy; kb.strategies() lists them",
            )
        for name in ("strategy_name", "objective_type", "strategy_version"):
            _check_text(name, getattr(self, name))
        if self.own_trades is not None:  # what the caller does to theirs must not matter
            object.__setattr__(self, "own_trades", dict(self.own_trades))
        _check_choice("mode", self.mode, ("full", "debug"))
        _check_choice("caller", self.caller, _CALLERS)
        for name in ("min_deflated_sharpe", "max_pbo"):
            _check_probability(name, getattr(self, name))
        wanted: Any = self.request_id
        if not isinstance(wanted, str) or len(wanted) > _LONGEST_ID or not wanted.isprintable():
            shown = wanted[:80] if isinstance(wanted, str) else wanted
            raise InvalidInputError(
                f"{shown!r} is no request id",
                field="request_id",
                remedy=f"give at most {_LONGEST_ID} printable characters, or none",
            )

    def check_deadline(self, step: str) -> None:
        """Raises DeadlineExceededError when the deadline has passed after this step."""
        if self.deadline is not None:
            self.deadline.check(step)


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidInputError(
            f"{value!r} is not a {name}", field=name, remedy=f"use {' or '.join(choices)}"
        )


def _check_text(name: str, value: Any) -> None:
    """Texts that no database takes (lone surrogates) would lose the event of the answer."""
    if value is None:
        return
    if not isinstance(value, str):
        raise InvalidInputError(f"{value!r} is no text", field=name, remedy="give a text or none")
    if not is_unicode(value):
        raise InvalidInputError(
            f"{value!r} is no text that can be stored",
            field=name,
            remedy="leave NUL characters and halves of surrogate pairs out",
        )


def _check_probability(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise InvalidInputError(
            f"{value!r} is no probability", field=name, remedy="give a number from 0 to 1"
        )
