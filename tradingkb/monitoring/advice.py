"""What to do first about answers that are not ok, by the reasons that they give."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_BACKEND: Final = "a backend or the index is at fault: look at the checks and the circuits first"
_FILTERS: Final = "the filters are narrower than the trials: see which one, and what it would take"
_DATA: Final = "trials are missing: ingest those of the strategy"
_SPEC: Final = "the trials do not obey the strategy's specification: compare the two"

_FIRST: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_embedding_available": _BACKEND,
        "metadata_only": _BACKEND,
        "vectors_outdated": "the model was pulled anew: run an ingest, or reembed",
        "collection_empty": "the vector index lacks the trials: index what is stored",
        "all_trials_archived": "archived trials come back with the next ingest",
        "all_trials_rejected": "every trial was rejected: restore some, or ingest others",
        "no_matches_after_strict_filters": _FILTERS,
        "no_matches_after_relaxed_filters": _FILTERS,
        "strict_to_relaxed": _FILTERS,
        "no_trials_for_strategy": _DATA,
        "no_trials_known_by_then": "they ask about a time before the first trial",
        "no_trials_for_version": "they ask for a version of the strategy without trials",
        "no_score_for_objective": "the trials lack the metrics of the objective: ingest them",
        "params_outside_spec": _SPEC,
        "repaired_params": _SPEC,
        "few_candidates": _DATA,
        "few_windows": _DATA,
        "missing_regime_context": "they are asked without a market: callers have to give bars",
        "flat_prices": "the bars hardly move: look at the feed of prices",
        "expected_loss": "the evidence speaks against the strategy in this market",
    }
)
_UNKNOWN: Final = "look at the answers and their reasons"


def first_of(reasons: Mapping[str, int]) -> str:
    """What to do first, by the most frequent reason that says something."""
    telling = sorted((r for r in reasons if r in _FIRST), key=lambda r: (-reasons[r], r))
    # Of reasons that are equally frequent a backend is the urgent one: the others follow from it.
    most = [r for r in telling if reasons[r] == reasons[telling[0]]]
    urgent = [r for r in most if _FIRST[r] == _BACKEND]
    return _FIRST[(urgent or most)[0]] if most else _UNKNOWN
