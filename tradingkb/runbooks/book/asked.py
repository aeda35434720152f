"""What is asked of a runbook by whoever says beside its parameters whether it is a dry run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradingkb.exceptions import InvalidInputError


def asked_for(parameters: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """The parameters, with that among them.

    Raises:
        InvalidInputError: the parameters say it, too.
    """
    if "dry_run" in parameters:
        raise InvalidInputError(
            "dry_run is said beside the parameters",
            field="parameters",
            remedy="leave it out of the parameters, and set dry_run itself",
        )
    return {**parameters, "dry_run": dry_run}
