"""URLs of databases: whether one can be reached by them."""

from __future__ import annotations


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
