"""Pulling a model onto the server that embeds with it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tradingkb.exceptions import ConfigurationError
from tradingkb.ports import EmbedderFactory
from tradingkb.progress import Progress
from tradingkb.reports import Report


@dataclass(frozen=True, repr=False)
class PullReport(Report):
    """What a pull did.

    Attributes:
        model: as it was asked for.
        dimension: of its vectors.
        was_there: whether the server had a model of that name before.
        changed: whether its vectors are others than before, or it is new.
        duration_s: wall time.
    """

    model: str
    dimension: int
    was_there: bool
    changed: bool
    duration_s: float

    def summary(self) -> str:
        """One line."""
        makes = f"{self.model}: makes {self.dimension} dimensions"
        if not self.was_there:
            return f"{makes}; pulled"
        return f"{makes}; " + ("pulled anew" if self.changed else "it was there, nothing is new")

    def details(self) -> list[str]:
        """What is to be done."""
        if not (self.was_there and self.changed):
            return []
        return ["its vectors are others now: the next ingest, or reembed, embeds all windows again"]


def pull_model(embedders: EmbedderFactory, model: str, progress: Progress) -> PullReport:
    """Pulls a model, and asks what it makes.

    Args:
        embedders: know the server.
        model: name, with or without a tag.
        progress: told what comes, in megabytes.

    Raises:
        ConfigurationError: there is no such model, or no server.
        BackendUnavailableError: the server did not answer, or the download broke off.
    """
    began = time.monotonic()
    before = _pipeline(embedders, model)
    embedders.pull(model, progress)
    after = embedders(model, None)
    return PullReport(
        model=model,
        dimension=after.dimension,
        was_there=before is not None,
        changed=before != after.pipeline,
        duration_s=round(time.monotonic() - began, 3),
    )


def _pipeline(embedders: EmbedderFactory, model: str) -> str | None:
    """How vectors are made now; None where the model is not there."""
    try:
        return embedders(model, None).pipeline
    except ConfigurationError:
        return None
