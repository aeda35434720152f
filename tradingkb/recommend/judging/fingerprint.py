"""What decisions depend on besides trials: outcomes of other weights say nothing of these."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from tradingkb.domain import StrategySpec
from tradingkb.ranking import EvidenceWeights

#: Raise it when the same weights choose otherwise.
METHOD_VERSION: Final = 2


def fingerprint(weights: EvidenceWeights, spec: StrategySpec | None = None) -> str:
    """SHA-256 of the method's version, the weights and, where given, the spec; 64 characters."""
    content: dict[str, Any] = {"method": METHOD_VERSION, "weights": vars(weights)}
    if spec is not None:
        content["spec"] = spec.to_dict()
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
