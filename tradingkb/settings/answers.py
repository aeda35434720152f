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
        10.0,
        alias="TRADINGKB_WEIGHT_NEUTRAL",
        gt=0,
        description="quarters' worth of belief that a parameter set is average, before the store "
        "has shown more",
    )
    weight_timeframe: float = Field(
        10.0,
        alias="TRADINGKB_WEIGHT_TIMEFRAME",
        ge=0,
        description="quarters' worth of all other timeframes in the mean of the own one",
    )
    weight_few_trades: float = Field(
        0.05,
        alias="TRADINGKB_WEIGHT_FEW_TRADES",
        ge=0,
        le=1,
        description="rank given up, among sets that are not told apart, between those that trade "
        "least and most in-sample",
    )
    indifference: float = Field(
        0.5,
        alias="TRADINGKB_INDIFFERENCE",
        ge=0,
        description="standard deviations within which sets are not told apart from the best",
    )
    bandwidth_measured: float = Field(
        1.0,
        alias="TRADINGKB_BANDWIDTH_MEASURED",
        gt=0,
        description="width of the likeness that is shown of a window's regime to a measured one, "
        "in standard deviations",
    )
    bandwidth_stated: float = Field(
        0.5,
        alias="TRADINGKB_BANDWIDTH_STATED",
        gt=0,
        description="width of the likeness that is shown of a window's regime to a stated one, "
        "in standard deviations",
    )
    embargo_s: float = Field(
        0.0,
        alias="TRADINGKB_EMBARGO_S",
        ge=0,
        description="seconds that must pass after known_at before a trial counts",
    )
