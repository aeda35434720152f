"""URLs of servers: whether one can be reached by them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_NO_END: Final = (
    "does not say where its password ends: write @ as %40, / as %2F, # as %23 and ? as %3F in a "
    "user or password"
)


def parse_url(url: str) -> None:
    """Tries the URL of a database.

    Raises:
        ValueError: no database can be reached by it; it is not repeated.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        made = make_url(url)
        made.get_dialect()
        if made.get_backend_name() not in ("sqlite", "postgresql"):
            raise ValueError
    except (ArgumentError, ImportError, ValueError):  # NoSuchModuleError is an ArgumentError
        raise ValueError(
            "is no SQLAlchemy URL of a known database, such as "
            "postgresql+psycopg://user:password@host/name"
        ) from None
    place = url.partition("?")[0]
    if made.host and (place.count("@") > 1 or re.search(r"[?#]", made.username or "")):
        raise ValueError(_NO_END)


def check_web_url(url: str) -> None:
    """Refuses the address of a web server that another one is read from.

    Raises:
        ValueError: characters of a password would end it; it is not repeated.
    """
    try:
        named = urlsplit(url if "//" in url else f"//{url}").netloc
    except ValueError:  # a [ that is no address
        raise ValueError("is no address, such as http://host:6333") from None
    if url.count("@") > 1 or url.count("@") > named.count("@"):
        raise ValueError(_NO_END)
