"""The port of embedders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from tradingkb.domain import Regime, RegimeScaler
from tradingkb.ports.vectors import Floats32

#: Which part of a trial's window a query's regime is compared with: "before" the scored window
#: (a regime measured now is what came before the future), or "during" it (a regime that the user
#: expects is what the future will be like).
Side = Literal["before", "during"]
#: Which definition of the filter columns a point's payload follows; part of every pipeline text, so
#: that points of an older one are written again (2: trades of both samples).
PAYLOAD_VERSION: Final = "payload-2"


@dataclass(frozen=True)
class TrialDocument:
    """What an embedder may look at: the regimes around a trial, and the trial as text."""

    regime_is: Regime | None
    regime_oos: Regime | None
    text: str = ""


@dataclass(frozen=True)
class QueryVector:
    """A query's unit vector and the factor that turns its dot products into similarities."""

    vector: Floats32
    scale: float = 1.0


@runtime_checkable
class Embedder(Protocol):
    """Documents and queries to unit vectors, deterministically for one `pipeline` text."""

    model: str
    dimension: int
    #: Everything besides the model that changes a vector: it is part of a trial's content hash.
    pipeline: str
    #: "regime": a vector depends on the regimes alone, so one per window serves all its trials.
    reads: Literal["regime", "text"]
    #: Whether making a vector asks a server, which may be down.
    remote: bool

    def embed_documents(self, documents: Sequence[TrialDocument]) -> Floats32:
        """Unit vectors, shape (n, dimension); a row of zeros where nothing can be embedded."""

    def embed_query(self, regime: Regime, text: str, side: Side) -> QueryVector:
        """The query's vector."""


class EmbedderFactory(Protocol):
    """Makes the embedder of a model name for one scaler version."""

    def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:
        """Raises ConfigurationError for a model that this installation does not know."""
