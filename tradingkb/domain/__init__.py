"""Pure values and rules of the knowledge base: standard library and NumPy only."""

from tradingkb.domain.document import document_text, query_text
from tradingkb.domain.filters import (
    MIN_CANDIDATES,
    MIN_WINDOWS,
    RELAXED,
    STRICT,
    FilterColumns,
    Filters,
    Rejection,
    Relaxation,
    failures,
    passing,
    rejections,
    relaxations,
    resolve,
)
from tradingkb.domain.given_params import GivenParams, read_params
from tradingkb.domain.lifecycle import (
    DELETE_FAILED,
    ELIGIBLE,
    MARK,
    STATUSES,
    Status,
    marked,
    refusal,
    transition_name,
    unmarked,
)
from tradingkb.domain.names import near_names
from tradingkb.domain.objective import Objective, get_objective, objectives, score
from tradingkb.domain.overrides import Overrides, check_overrides
from tradingkb.domain.param_reading import (
    MEAN_NOTHING,
    boolean_in,
    looks_typed,
    number_in,
    read_set,
)
from tradingkb.domain.part import Part
from tradingkb.domain.question import Caller, Deadline, Market, MarketKind, Mode, Question
from tradingkb.domain.regime import FEATURES, REGIME_SCHEMA_VERSION, TAGS, Regime
from tradingkb.domain.regime_features import FEATURE_INFO, check_names
from tradingkb.domain.scaling import (
    RADIANS,
    STATED_WEIGHTS,
    RegimeScaler,
    regime_distance,
    regime_similarity,
)
from tradingkb.domain.selection import Selection
from tradingkb.domain.strategy import Params, ParamSpec, ParamValue, StrategySpec, spec_for
from tradingkb.domain.tenancy import Actor, IndexTarget, Workspace
from tradingkb.domain.timeframe import canonical_timeframe
from tradingkb.domain.trial import (
    EXPERIMENT_TYPES,
    METRICS,
    Trial,
    as_utc,
    canonical_params,
    parse_params,
    point_id,
    regime_from_json,
    regime_to_json,
)

__all__ = [
    "DELETE_FAILED",
    "ELIGIBLE",
    "EXPERIMENT_TYPES",
    "FEATURES",
    "FEATURE_INFO",
    "MARK",
    "MEAN_NOTHING",
    "METRICS",
    "MIN_CANDIDATES",
    "MIN_WINDOWS",
    "RADIANS",
    "REGIME_SCHEMA_VERSION",
    "RELAXED",
    "STATED_WEIGHTS",
    "STATUSES",
    "STRICT",
    "TAGS",
    "Actor",
    "Caller",
    "Deadline",
    "FilterColumns",
    "Filters",
    "GivenParams",
    "IndexTarget",
    "Market",
    "MarketKind",
    "Mode",
    "Objective",
    "Overrides",
    "ParamSpec",
    "ParamValue",
    "Params",
    "Part",
    "Question",
    "Regime",
    "RegimeScaler",
    "Rejection",
    "Relaxation",
    "Selection",
    "Status",
    "StrategySpec",
    "Trial",
    "Workspace",
    "as_utc",
    "boolean_in",
    "canonical_params",
    "canonical_timeframe",
    "check_names",
    "check_overrides",
    "document_text",
    "failures",
    "get_objective",
    "looks_typed",
    "marked",
    "near_names",
    "number_in",
    "objectives",
    "parse_params",
    "passing",
    "point_id",
    "query_text",
    "read_params",
    "read_set",
    "refusal",
    "regime_distance",
    "regime_from_json",
    "regime_similarity",
    "regime_to_json",
    "rejections",
    "relaxations",
    "resolve",
    "score",
    "spec_for",
    "transition_name",
    "unmarked",
]
