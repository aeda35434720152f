"""What is shown of a URL, alone or within a text: never a password."""

from __future__ import annotations

import re


def masked(text: str) -> str:
    """A text of any kind, with every URL in it as `masked_url` shows it."""
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", lambda found: masked_url(found[0]), text)


def masked_url(url: str) -> str:
    """The URL with `***` in place of a password, as SQLAlchemy does it."""
    return re.sub(r"(?<=://)([^/?#]*?):[^/?#]*@", r"\1:***@", url)
