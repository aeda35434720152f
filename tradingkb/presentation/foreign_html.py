"""HTML of others on a page of ours: what shows something stays, and it ends where it is put.

No script of it runs anyway (`html_page` with a nonce). But a comment without an end would hide the
rest of the page, a style could hide that a run has failed, and a refresh would leave for another
host.
"""

from __future__ import annotations

from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Final

from tradingkb.presentation.markup import esc


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS: Final = _words(
    "a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption "
    "figure h1 h2 h3 h4 h5 h6 hr i img kbd li mark ol p pre s samp section small span strong sub "
    "summary sup table tbody td tfoot th thead tr u ul wbr svg g path rect circle ellipse line "
    "polyline polygon text tspan defs lineargradient stop desc"
)
#: They have no end.
_VOID: Final = _words("br col hr img wbr")
#: Their content is for a program.
_UNSEEN: Final = _words("script style title template")
_ATTRIBUTES: Final = _words(
    "class style title alt href src colspan rowspan scope role start open lang dir width height "
    "viewbox preserveaspectratio d x y x1 x2 y1 y2 dx dy cx cy r rx ry points transform fill "
    "stroke stroke-width stroke-dasharray stroke-linecap opacity fill-opacity stroke-opacity "
    "text-anchor dominant-baseline font-size font-weight offset stop-color"
)
_LINKS: Final = ("http://", "https://", "mailto:", "#")
#: Reading more takes long, and a page of it opens nowhere.
_LONGEST: Final = 2_000_000


def foreign_html(text: str) -> str:
    """The HTML with nothing in it but elements that show something, each of them ended."""
    if len(text) > _LONGEST:
        return f"<p>HTML of {len(text):,} characters is left out.</p>"
    parser = _Kept()
    parser.feed(text)
    parser.close()
    return parser.whole()


class _Kept(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[str] = []
        self._open: list[str] = []
        self._unseen = ""

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        if self._unseen:
            return
        if tag in _UNSEEN:
            self._unseen = tag
        elif tag in _TAGS:
            given = "".join(_attribute(name, value or "") for name, value in attrs)
            self._found.append(f"<{tag}{given}>")
            if tag not in _VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            self._unseen = "" if tag == self._unseen else self._unseen
        elif tag in self._open:
            while (last := self._open.pop()) != tag:
                self._found.append(f"</{last}>")
            self._found.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._found.append(esc(data))

    def whole(self) -> str:
        return "".join(self._found) + "".join(f"</{tag}>" for tag in reversed(self._open))


def _attribute(name: str, value: str) -> str:
    link = "".join(value.split()).lower()
    if name == "href" and not link.startswith(_LINKS):
        return ""
    if name == "src" and not link.startswith("data:image/"):
        return ""
    # An element that leaves its place could cover what the page says itself.
    if name == "style" and ("position" in link or "url(" in link):
        return ""
    known = name in _ATTRIBUTES or name.startswith(("data-", "aria-"))
    return f' {name}="{esc(value)}"' if known else ""
