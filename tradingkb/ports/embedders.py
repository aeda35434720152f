"""The port of embedders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from tradingkb.domain import Regime, RegimeScaler, Side
from tradingkb.ports.vectors import Floats32

#: Which definition of the filter columns a point's payload follows; part of every pipeline text, so
#: that points of an older one are written again (2: trades of both samples).
PAYLOAD_VERSION: Final = "payload-2"


@dataclass(frozen=True)
class WindowDocument:
    """What an embedder looks at: the regimes of a window, which all its trials share.

    Attributes:
        before: in-sample, before the scored window; None where it is not known.
        during: out-of-sample; likewise.
    """

    before: Regime | None
    during: Regime | None


@dataclass(frozen=True)
class QueryVector:
    """A query's unit vector and the factor that turns its dot products into similarities."""

    vector: Floats32
    scale: float = 1.0


@runtime_checkable
class Embedder(Protocol):
    """Windows and questions to unit vectors, deterministically for one `pipeline` text."""

    model: str
    dimension: int
    #: Everything besides the model's name that changes a vector: it is part of a trial's content
    #: hash.
    pipeline: str
    #: Whether making a vector asks a server, which may be down.
    remote: bool
    #: How many windows one call of `embed_documents` should have at most, because each takes its
    #: time; what a batch made is stored before the next one. None: all at once.
    batch: int | None

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        """Unit vectors, shape (n, dimension); a row of zeros where nothing can be embedded.

        Raises:
            BackendUnavailableError: its server did not answer.
        """

    def embed_query(self, regime: Regime, side: Side) -> QueryVector:
        """The vector of a regime that is looked for on one side of windows.

        Raises:
            BackendUnavailableError: its server did not answer.
        """


class EmbedderFactory(Protocol):
    """Makes the embedder of a model name for one version of the scaler."""

    def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:
        """An embedder; whoever asks for several answers may keep it.

        Raises:
            ConfigurationError: a model that this installation does not know, or one whose
                dimension is not the one that the settings demand.
            BackendUnavailableError: the model's server did not answer.
        """

    def is_remote(self, model: str) -> bool:
        """Whether a model of that name would be a server's; asks nobody."""

    def pull(self, model: str, progress: Callable[[str, int, int], object]) -> None:
        """Lets the model's server download it, again if it is there; one that is built in is there.

        Args:
            model: its name.
            progress: told (what, done, total) in megabytes.

        Raises:
            ConfigurationError: there is no such model, or no server.
            BackendUnavailableError: the server did not answer, or the download broke off.
        """

    def close(self) -> None:
        """Releases connections; no embedder of this factory is used afterwards."""
