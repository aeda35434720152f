"""Serving: one process, one event loop, and a way out that leaves nothing behind."""

from __future__ import annotations

import logging
import socket
import time
import warnings
from functools import partial
from types import FrameType
from typing import Any, Final

import uvicorn

from tradingkb import __version__
from tradingkb.exceptions import ConfigurationError
from tradingkb.observability import emit
from tradingkb.service.app import create_app
from tradingkb.service.sentry import Sentry, start_sentry
from tradingkb.service.state import Service
from tradingkb.settings import Settings
from tradingkb.wiring import connect

#: How long an ingest waits for another one of its workspace; a client and a thread wait with it.
_PATIENCE_S: Final = 10.0
#: Connections that wait to be taken.
_BACKLOG: Final = 2048


def serve(settings: Settings, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT.

    From the signal on /ready says no. Connections are taken for TRADINGKB_DRAIN_S more, so that a
    load balancer can notice; then requests in flight end, leases are given back, and the process
    ends by the signal.

    Raises:
        ConfigurationError: what `connect` raises; the port is taken.
    """
    warnings.showwarning = _as_event
    sentry = start_sentry(settings, version=__version__)
    server, listening = prepare(settings, host, port, sentry)
    try:
        emit("service_listens", port=listening.getsockname()[1])
        server.run(sockets=[listening])
    except SystemExit:
        if server.service.failed:
            raise server.service.failed[0] from None
        raise
    finally:
        if sentry is not None:
            sentry.end()


def prepare(
    settings: Settings, host: str, port: int, sentry: Sentry | None = None
) -> tuple[DrainingServer, socket.socket]:
    """A server, and the socket that it is to listen on.

    Args:
        settings: of the service and of the knowledge base.
        host: address to listen on.
        port: 0 for any that is free.
        sentry: told of what nobody foresaw.

    Raises:
        ConfigurationError: the port is taken.
    """
    app = create_app(
        partial(connect, settings=settings, progress=False, patience_s=_PATIENCE_S),
        settings,
        monotonic=time.monotonic,
        sentry=sentry,
    )
    listening = _socket(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_grace_s)),
        ws="none",
    )
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # it logs whole tracebacks
    return DrainingServer(config, app.state.service), listening


def _as_event(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Warnings of libraries as one line of the log, and not as lines of their source."""
    emit("library_warning", category=category.__name__, error=str(message))


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: without, each answer
    # waits 40 ms for the delayed acknowledgement of its head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
        return listening
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"port {port} of {host} cannot be listened on: {error.strerror or error}; "
            "choose another with --port and --host, or end what listens there"
        ) from None


class DrainingServer(uvicorn.Server):
    """Drains before it stops to listen."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self._leave_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Marks the service as draining at once; a second signal ends the draining."""
        wait = self.service.settings.drain_s
        first = not self.service.draining.is_set()
        self.service.draining.set()
        for opened in self.service.opened:
            opened.runner.leave()  # another replica goes on while requests end here
        if first and wait > 0:
            self._captured_signals.append(sig)
            self._leave_at = time.monotonic() + wait
            return
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop listening."""
        if self._leave_at is not None and time.monotonic() >= self._leave_at:
            self.should_exit = True
        return bool(await super().on_tick(counter))
