"""What answers are made with."""

from __future__ import annotations

from pydantic import Field

from tradingkb.settings.environment import EnvironmentSettings


class AnswerSettings(EnvironmentSettings):
    """How much evidence counts, and how much of it is shown."""

    top_k: int = Field(
        50, alias="TRADINGKB_TOP_K", gt=0, description="evidence trials listed with an answer"
    )
    neighbour_windows: int = Field(
        100,
        alias="TRADINGKB_NEIGHBOUR_WINDOWS",
        gt=0,
        description="windows that the vector search returns",
    )
    tie_epsilon: float = Field(
        0.02,
        alias="TRADINGKB_TIE_EPSILON",
        ge=0,
        lt=1,
        description="scores closer than this are tied",
    )
    weight_neutral: float = Field(
        2.0,
        alias="TRADINGKB_WEIGHT_NEUTRAL",
        gt=0,
        description="quarters' worth of belief that a parameter set is average",
    )
    weight_timeframe: float = Field(
        10.0,
        alias="TRADINGKB_WEIGHT_TIMEFRAME",
        gt=0,
        description="quarters' worth of all timeframes in the mean of the own one",
    )
    weight_own: float = Field(
        10.0,
        alias="TRADINGKB_WEIGHT_OWN",
        gt=0,
        description="windows' worth of other instruments in the mean of the own one",
    )
    weight_regime_measured: float = Field(
        30.0,
        alias="TRADINGKB_WEIGHT_REGIME_MEASURED",
        gt=0,
        description="windows like a measured regime at which they count half",
    )
    weight_regime_stated: float = Field(
        2.0,
        alias="TRADINGKB_WEIGHT_REGIME_STATED",
        gt=0,
        description="windows like a stated regime at which they count half",
    )
    weight_few_trades: float = Field(
        0.15,
        alias="TRADINGKB_WEIGHT_FEW_TRADES",
        ge=0,
        le=1,
        description="rank given up between the sets that trade least and most in-sample",
    )
    bandwidth_measured: float = Field(
        1.0,
        alias="TRADINGKB_BANDWIDTH_MEASURED",
        gt=0,
        description="width of the kernel around a measured regime, in standard deviations",
    )
    bandwidth_stated: float = Field(
        0.5,
        alias="TRADINGKB_BANDWIDTH_STATED",
        gt=0,
        description="width of the kernel around a stated regime, in standard deviations",
    )
    embargo_s: float = Field(
        0.0,
        alias="TRADINGKB_EMBARGO_S",
        ge=0,
        description="seconds that must pass after known_at before a trial counts",
    )
