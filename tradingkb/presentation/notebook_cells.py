"""The cells of an executed notebook as HTML, for a page on which no script of theirs runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from tradingkb.presentation.foreign_html import foreign_html
from tradingkb.presentation.markup import el, esc
from tradingkb.presentation.page import script

FIGURE: Final = "application/vnd.plotly.v1+json"
#: The first of these that an output has is shown.
_PICTURES: Final = ("image/png", "image/jpeg", "image/svg+xml")
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
#: Longer texts lose their middle: a page of a hundred megabytes opens nowhere.
_LONGEST: Final = 60_000
#: A heading of a cell stands under those of the page.
_DEEPER: Final = 1
_HEIGHT: Final = 420
_TRANSPARENT: Final = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
_CONFIG: Final = {"displaylogo": False, "responsive": True}


def cells_html(cells: Sequence[Mapping[str, Any]], *, nonce: str, hidden: str) -> str:
    """The cells in order: text, figures and tables in sight, code folded.

    Args:
        cells: of the notebook, as in its JSON form.
        nonce: of the scripts that draw the figures.
        hidden: mimetype of outputs that the page says elsewhere.
    """
    drawn = _Drawn(nonce, hidden)
    return "".join(drawn.cell(cell) for cell in cells)


def has_figures(cells: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any cell has a figure."""
    return any(FIGURE in data for data in _data_of(cells))


def _data_of(cells: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (output.get("data", {}) for cell in cells for output in cell.get("outputs", ()))


class _Drawn:
    """Draws cells; figures are numbered."""

    def __init__(self, nonce: str, hidden: str) -> None:
        self._nonce, self._hidden = nonce, hidden
        self._figures = 0
        self._failed = False
        self._markdown = _markdown()

    def cell(self, cell: Mapping[str, Any]) -> str:
        if cell["cell_type"] == "markdown":
            return el("div", self._markdown(_joined(cell["source"])), cls="md")
        source = _joined(cell["source"]).strip()
        if cell["cell_type"] != "code" or not source:
            return ""
        outputs = "".join(self.output(output) for output in cell.get("outputs", ()))
        return el("div", _code(cell, source), outputs, cls="cell")

    def output(self, output: Mapping[str, Any]) -> str:
        if output["output_type"] == "stream":
            return _pre(_joined(output["text"]))
        if output["output_type"] == "error":
            return self.error(output)
        data = output.get("data", {})
        return "" if self._hidden in data else el("div", self.shown(data), cls="out")

    def error(self, output: Mapping[str, Any]) -> str:
        where = {} if self._failed else {"id": "failed"}
        self._failed = True
        what = ": ".join(part for part in (output["ename"], output["evalue"]) if part)
        trace = "\n".join(output.get("traceback", ()))
        more = el("details", el("summary", "traceback"), _pre(trace)) if trace != what else ""
        return el("div", el("p", esc(_plain(what))), more, cls="broken", **where)

    def shown(self, data: Mapping[str, Any]) -> str:
        if FIGURE in data:
            return self.figure(data[FIGURE])
        if "text/html" in data:
            return foreign_html(_joined(data["text/html"]))
        if "text/markdown" in data:
            return el("div", self._markdown(_joined(data["text/markdown"])), cls="md")
        for kind in _PICTURES:
            if kind in data:
                return _picture(kind, _joined(data[kind]))
        if "application/json" in data:
            return _pre(json.dumps(data["application/json"], indent=1))
        return _pre(_joined(data.get("text/plain", "")))

    def figure(self, figure: Mapping[str, Any]) -> str:
        self._figures += 1
        name = f"figure-{self._figures}"
        layout = {**_TRANSPARENT, **figure.get("layout", {})}
        layout |= {k: v for k, v in _TRANSPARENT.items() if layout[k] in ("white", "#fff")}
        height = layout.get("height") or _HEIGHT
        given = (name, figure.get("data", []), layout, {**figure.get("config", {}), **_CONFIG})
        call = f"Plotly.newPlot({', '.join(map(_script_json, given))})"
        place = el("div", id=name, cls="plotly-graph-div", style=f"height:{float(height):g}px")
        return el("div", place, cls="plot") + script(call, self._nonce)


def _code(cell: Mapping[str, Any], source: str) -> str:
    seconds = cell.get("metadata", {}).get("papermill", {}).get("duration")
    number = cell.get("execution_count")
    name = f"Code {number}" if number else "Code, not executed"
    took = f", {seconds:.1f} s" if seconds and number else ""
    return el("details", el("summary", esc(name + took)), el("pre", esc(source)))


def _picture(kind: str, text: str) -> str:
    import base64

    if kind == "image/svg+xml":
        text = base64.b64encode(text.encode()).decode()
    return el("img", src=f"data:{kind};base64,{''.join(text.split())}", alt="figure")


def _pre(text: str) -> str:
    if len(text) > _LONGEST:
        half, left = _LONGEST // 2, len(text) - _LONGEST
        text = f"{text[:half]}\n... {left:,} characters left out ...\n{text[-half:]}"
    return el("pre", esc(_plain(text).strip("\n"))) if text.strip() else ""


def _plain(text: str) -> str:
    """Without the colours of a terminal."""
    return _ESCAPES.sub("", text)


def _joined(source: Any) -> str:
    return source if isinstance(source, str) else "".join(source)


def _script_json(value: Any) -> str:
    """JSON that ends no script, whatever is in it."""
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _markdown() -> Callable[[str], str]:
    """Markdown to HTML; HTML in it is text."""
    import mistune

    class Deeper(mistune.HTMLRenderer):
        def heading(self, text: str, level: int, **attrs: Any) -> str:
            return super().heading(text, min(level + _DEEPER, 6), **attrs)

    made = mistune.create_markdown(renderer=Deeper(escape=True), plugins=["table"])
    return lambda text: str(made(text))
