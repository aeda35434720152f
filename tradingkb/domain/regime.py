"""`Regime`: the state of a market as sixteen features and the tags that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from tradingkb.domain.regime_features import (
    FEATURE_INFO,
    FEATURES,
    REGIME_SCHEMA_VERSION,
    FeatureInfo,
    check_feature_values,
    check_names,
)
from tradingkb.domain.regime_stated import check_believable, stated_features, with_trend_strength
from tradingkb.domain.regime_tags import (
    RULE_OF,
    TAG_RULES,
    TAGS,
    TagEvidence,
    TagRule,
    check_compatible,
    derive_tags,
    evidence_of,
)
from tradingkb.exceptions import InvalidRegimeError

__all__ = [
    "FEATURES",
    "FEATURE_INFO",
    "REGIME_SCHEMA_VERSION",
    "TAGS",
    "TAG_RULES",
    "FeatureInfo",
    "Regime",
    "Side",
    "TagEvidence",
    "TagRule",
    "derive_tags",
]

Source = Literal["measured", "stated"]
#: Which part of a window a question's regime is compared with: "before" the scored window (a regime
#: measured now is what came before the future), or "during" it (a regime that the user expects is
#: what the future will be like).
Side = Literal["before", "during"]


@dataclass(frozen=True)
class Regime:
    """A market regime, measured from bars or stated by a user.

    Attributes:
        features: Feature values by name, in the order of `FEATURES`, read-only; a feature that is
            not known is absent, never NaN.
        tags: Sorted tags, see `TAG_RULES`.
        evidence: One entry per condition that fired a tag.
        source: "measured" from bars, or "stated": what a user expects.
        symbol: The instrument, where known.
        timeframe: Of the bars, such as "1d", where known.
        bars: Number of bars that were measured.
        start: Time of the first bar, UTC.
        end: Time of the last bar, UTC.
        schema_version: Which definition of the features this is.
        warnings: `<code>: <text>` for each thing that weakens the measurement.
        card: Of the class: HTML of `to_dict()` for notebooks. The domain writes none:
            `tradingkb.presentation` sets it, which `tradingkb.Regime` and every answer load;
            without it, notebooks show the text.

    Raises:
        InvalidRegimeError: an unknown name, a value out of bounds, tags that contradict each
            other, an unknown source, or a naive time.
    """

    features: Mapping[str, float]
    tags: tuple[str, ...] = ()
    evidence: tuple[TagEvidence, ...] = ()
    source: Source = "measured"
    symbol: str | None = None
    timeframe: str | None = None
    bars: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    schema_version: int = REGIME_SCHEMA_VERSION
    warnings: tuple[str, ...] = field(default=())
    card: ClassVar[Callable[[Mapping[str, Any]], str] | None] = None

    def __post_init__(self) -> None:
        if self.source not in ("measured", "stated"):
            raise InvalidRegimeError(
                f"source {self.source!r} is unknown", field="source", remedy="measured or stated"
            )
        features = MappingProxyType(check_feature_values(self.features))
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "tags", check_compatible(self.tags))
        object.__setattr__(self, "evidence", tuple(self.evidence))
        object.__setattr__(self, "warnings", tuple(self.warnings))
        object.__setattr__(self, "start", _utc("start", self.start))
        object.__setattr__(self, "end", _utc("end", self.end))

    @classmethod
    def measured(cls, features: Mapping[str, float], **facts: Any) -> Regime:
        """A measured regime with the tags that its features fire.

        Args:
            features: Feature values by name.
            **facts: symbol, timeframe, bars, start, end, warnings.

        Raises:
            InvalidRegimeError: as the class.
        """
        tags, evidence = derive_tags(features)
        return cls(features=features, tags=tags, evidence=evidence, **facts)

    @classmethod
    def stated(
        cls,
        features: Mapping[str, float] | None = None,
        tags: Iterable[str] | None = None,
        *,
        symbol: str | None = None,
        timeframe: str | None = None,
    ) -> Regime:
        """A regime that a user expects.

        Each tag brings its rule's representative features, so that tags alone give a usable
        vector; features given explicitly win. Tags that the explicit features fire are added.

        Args:
            features: Feature values by name, in the units of `FEATURE_INFO`.
            tags: Tags of `TAGS`.
            symbol: The instrument, where it matters.
            timeframe: The timeframe, where it matters.

        Raises:
            InvalidRegimeError: neither features nor tags; an unknown name (near names are
                suggested); a value out of bounds, or most likely in another unit; tags that
                contradict each other or the features.
        """
        given = with_trend_strength(check_feature_values(features or {}))
        check_believable(given)
        named = check_compatible(tags or ())
        if not given and not named:
            raise InvalidRegimeError(
                "a stated regime needs features or tags",
                remedy="for example Regime.stated(tags=['uptrend', 'low_volatility'])",
            )
        merged = stated_features(given, named)
        every = check_compatible((*named, *derive_tags(given)[0]))
        evidence = [item for tag in every for item in evidence_of(RULE_OF[tag], merged)]
        return cls(merged, every, tuple(evidence), "stated", symbol, timeframe)

    def vector(self) -> npt.NDArray[np.float64]:
        """The features in the order of `FEATURES`, float64, shape (16,), NaN where absent."""
        return np.array([self.features.get(name, np.nan) for name in FEATURES], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict; `from_dict` gives the same regime back, floats exact."""
        return {
            "schema_version": self.schema_version,
            "source": self.source,
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "bars": self.bars,
            "start": self.start.isoformat() if self.start else None,
            "end": self.end.isoformat() if self.end else None,
            "features": dict(self.features),
            "tags": list(self.tags),
            "evidence": [asdict(item) for item in self.evidence],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Regime:
        """The regime that `to_dict` wrote.

        A regime of another schema version loses the names that this version does not know, with
        the warning `regime_schema`; in one of this version an unknown name is an error.

        Raises:
            InvalidRegimeError: a malformed or incomplete dict, or as the class.
        """
        try:
            return cls(**_parsed(data))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidRegimeError(
                f"not a regime: {error!r}", remedy="pass what Regime.to_dict() returned"
            ) from error

    def __hash__(self) -> int:
        return hash((tuple(self.features.items()), self.tags, self.symbol, self.start, self.end))

    def __reduce__(self) -> tuple[Any, ...]:
        return Regime.from_dict, (self.to_dict(),)

    def _repr_html_(self) -> str | None:
        card = Regime.card
        return card(self.to_dict()) if card else None


def _parsed(data: Mapping[str, Any]) -> dict[str, Any]:
    version = data["schema_version"]
    if not isinstance(version, int):
        raise TypeError(f"schema_version {version!r} is no integer")
    features, tags = dict(data["features"]), list(data["tags"])
    evidence = [TagEvidence(**item) for item in data.get("evidence", ())]
    warnings = list(data.get("warnings", ()))
    if version == REGIME_SCHEMA_VERSION:
        check_names("tag", (item.tag for item in evidence), TAGS)
    else:
        features = {name: value for name, value in features.items() if name in FEATURE_INFO}
        tags = [tag for tag in tags if tag in RULE_OF]
        evidence = [item for item in evidence if item.tag in RULE_OF]
        note = f"regime_schema: version {version}, this release has {REGIME_SCHEMA_VERSION}"
        warnings += [note] if note not in warnings else []
    return {
        "features": features,
        "tags": tuple(tags),
        "evidence": tuple(evidence),
        "warnings": tuple(warnings),
        "schema_version": version,
        "source": data["source"],
        **{name: data.get(name) for name in ("symbol", "timeframe", "bars")},
        **{name: _time(name, data.get(name)) for name in ("start", "end")},
    }


def _time(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRegimeError(
            f"the time {text!r} is not ISO 8601", field=name, remedy="use datetime.isoformat()"
        ) from error


def _utc(name: str, t: datetime | None) -> datetime | None:
    if t is None:
        return None
    if t.tzinfo is None:
        raise InvalidRegimeError(
            f"the time {t} has no time zone", field=name, remedy="use tzinfo=datetime.UTC"
        )
    return t.astimezone(UTC)
