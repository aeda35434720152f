"""Small helpers that write HTML; whatever comes from data is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final

_CODE: Final = re.compile(r"`([^`]+)`")
_MINUS: Final = re.compile(r"(?<![\w.&#])-(?=\d)")


def esc(value: object) -> str:
    """Text from data, safe inside an element and inside a quoted attribute."""
    return escape(str(value), quote=True)


def num(text: str) -> str:
    """A formatted number, with a real minus sign and no break between number and unit."""
    return _MINUS.sub("−", esc(text)).replace(" %", "\u00a0%")


def prose(text: object) -> str:
    """A sentence from data; what it puts between backticks is shown as code."""
    return _CODE.sub(r"<code>\1</code>", esc(text))


def el(name: str, *children: str, cls: str = "", **attributes: str) -> str:
    """An element around children that are HTML already; attribute values are escaped."""
    given = {"class": cls, **attributes} if cls else attributes
    attrs = "".join(f' {key.strip("_")}="{esc(value)}"' for key, value in given.items())
    return f"<{name}{attrs}>{''.join(children)}</{name}>"


def table(head: Iterable[str], rows: Iterable[Iterable[str]], cls: str = "") -> str:
    """A table of cells that are HTML already; the head's texts label the cells on small screens."""
    labels = list(head)
    top = el("tr", *(el("th", esc(label), scope="col") for label in labels))
    body = (
        el("tr", *(el("td", c, **{"data-label": n}) for n, c in zip(labels, row, strict=True)))
        for row in rows
    )
    return el("table", el("thead", top), el("tbody", *body), cls=cls)
