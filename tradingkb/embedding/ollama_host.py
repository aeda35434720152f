"""OLLAMA_HOST as Ollama itself reads it: a host, a host and a port, or a URL."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from tradingkb.exceptions import ConfigurationError

_PORTS: Final = {"http": 80, "https": 443}
_DEFAULT_PORT: Final = 11434
#: What a server listens on, and no client can name everywhere.
_UNSPECIFIED: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class OllamaHost:
    """Where the server is.

    Attributes:
        url: with scheme and port, without user and password.
        auth: user and password for the server or the proxy before it; None without.
    """

    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)


def ollama_host(text: str) -> OllamaHost:
    """Reads OLLAMA_HOST.

    As Ollama does (`Host` in its envconfig/config.go): without a scheme it is HTTP and port 11434,
    with one the scheme's port; a path in front of the routes is kept; an address that a server
    listens on everywhere is this machine. Unlike Ollama's client, user and password are used.

    Raises:
        ConfigurationError: it cannot be read, or is of another scheme; nothing of it is repeated.
    """
    given = text.strip().strip("\"'").strip()
    scheme, mark, rest = given.partition("://")
    if not mark:
        scheme, rest = "http", given
    scheme = scheme.lower()
    port = _PORTS.get(scheme) if mark else _DEFAULT_PORT
    if port is None:
        raise _unreadable("its scheme is neither http nor https")
    try:
        parts = urlsplit(f"{scheme}://{_bracketed(rest)}")
        host, port = parts.hostname or "127.0.0.1", parts.port or port
    except ValueError:  # its text may hold a part of a password
        raise _unreadable("it is no address") from None
    if parts.query or parts.fragment or "@" in parts.path or any(map(str.isspace, rest)):
        raise _unreadable("it is no address")
    host = _UNSPECIFIED.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/")
    user = None if parts.username is None else unquote(parts.username)
    auth = None if user is None else (user, unquote(parts.password or ""))
    return OllamaHost(f"{scheme}://{shown}:{port}{path}", auth)


def _bracketed(rest: str) -> str:
    """An IPv6 address that stands alone, in its brackets."""
    try:
        return f"[{ipaddress.IPv6Address(rest)}]"
    except ValueError:
        return rest


def _unreadable(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"OLLAMA_HOST cannot be used, {why}: give it as http://host:11434, with / as %2F, # as %23 "
        "and @ as %40 in a user or password"
    )
