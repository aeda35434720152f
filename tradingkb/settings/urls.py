"""URLs of databases and servers: readable ones, and what is shown of them."""

from __future__ import annotations

import re


def masked_url(url: str) -> str:
    """The URL with `***` in place of a password, as SQLAlchemy does it."""
    return re.sub(r"(?<=://)([^/?#]*?):[^/?#]*@", r"\1:***@", url)


def parse_url(url: str) -> None:
    """Tries the URL of a database.

    Raises:
        ValueError: no database can be reached by it; it is not repeated.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url).get_dialect()
    except (ArgumentError, ImportError, ValueError):  # NoSuchModuleError is an ArgumentError
        raise ValueError(
            "is no SQLAlchemy URL of a known database, such as "
            "postgresql+psycopg://user:password@host/name"
        ) from None
