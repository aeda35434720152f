"""Which client the environment asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tradingkb.client.local import LocalClient
from tradingkb.client.protocol import Client
from tradingkb.client.remote import RemoteClient
from tradingkb.settings import load_settings
from tradingkb.wiring import connect

#: Settings that `env` may say; the others are read as `connect` reads them.
_FROM_ENV: Final = {
    "service_url": "TRADINGKB_SERVICE_URL",
    "service_token": "TRADINGKB_SERVICE_TOKEN",
    "service_timeout_s": "TRADINGKB_SERVICE_TIMEOUT_S",
    "home": "TRADINGKB_HOME",
}


def open_client(env: Mapping[str, str]) -> Client:
    """A client of the service at TRADINGKB_SERVICE_URL; without one, of the store of settings.

    Args:
        env: environment variables, which win over those of the process and of `.env`.

    Raises:
        ConfigurationError: a setting cannot be used.
        BackendUnavailableError: the store cannot be opened; a service is asked later.
    """
    given = {name: env.get(variable) or None for name, variable in _FROM_ENV.items()}
    settings = load_settings(**given)
    if settings.service_url is None:
        return LocalClient(connect(settings=settings, progress=False))
    return RemoteClient(
        settings.service_url, token=settings.service_token, timeout_s=settings.service_timeout_s
    )
