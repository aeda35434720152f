"""Small helpers that write HTML; whatever comes from data is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from tradingkb.presentation.format import NONE

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


def table(rows: Iterable[Mapping[str, str]], cls: str = "") -> str:
    """A table from rows of cells by column, which are HTML already; "" without rows.

    The columns' names, plain text, label the cells on small screens.
    """
    known = list(rows)
    if not known:
        return ""
    top = el("tr", *(el("th", esc(column), scope="col") for column in known[0]))
    body = (
        el("tr", *(el("td", cell, **{"data-label": column}) for column, cell in row.items()))
        for row in known
    )
    return el("table", el("thead", top), el("tbody", *body), cls=cls)


def wide(rows: Iterable[Mapping[str, str]]) -> str:
    """A table that scrolls sideways on a narrow page while its first column stays."""
    found = table(rows, cls="pinned")
    return el("div", found, cls="wide") if found else ""


def cell(text: str) -> str:
    """A formatted number that does not break; a dash where there is none."""
    return el("span", num(text), cls="num") if text else el("span", NONE, cls="note")


def definitions(entries: Mapping[str, str]) -> str:
    """Names and what is said of them, both plain text."""
    return el("dl", *(el("dt", esc(name)) + el("dd", num(text)) for name, text in entries.items()))


def paragraphs(texts: Iterable[str]) -> str:
    """Sentences from data, one paragraph each."""
    return "".join(el("p", num(text)) for text in texts)


def note(text: str) -> str:
    """A remark in small print; "" where there is nothing to remark."""
    return el("p", num(text), cls="note") if text else ""
