"""The picture of the package and its rows, from the import contracts and the imports."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import grimp
from pages import ROOT, code, table

PACKAGE = "tradingkb"

Edges = set[tuple[str, str]]


def layer_rows(tools: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The rows of the import contract `layers` under their titles, top row first."""
    layers = _contract(tools, "layers")["layers"]
    members = [[name.strip(" ()") for name in re.split(r"[|:]", layer)] for layer in layers]
    return list(zip(tools["architecture"]["rows"], members, strict=True))


def guarded_parts(tools: Mapping[str, Any]) -> list[str]:
    """The parts that only their allowed importers may import."""
    return [name.rpartition(".")[2] for name in _contract(tools, "adapters")["protected_modules"]]


def import_edges(package: str = PACKAGE) -> Edges:
    """(importer, imported) between the parts directly below the package."""
    graph = grimp.build_graph(package, cache_dir=None)
    pairs = (
        (_part(importer), _part(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    )
    return {(a, b) for a, b in pairs if a and b and a != b}


def without_implied(edges: Edges) -> Edges:
    """The edges that no longer path implies: what a reader needs to see the same order."""
    return {(a, b) for a, b in edges if not _reachable(a, b, edges - {(a, b)})}


def mermaid(rows: list[tuple[str, list[str]]], guarded: list[str], edges: Edges) -> str:
    """A Mermaid flowchart with one box per row and one arrow per import."""
    present = {part for edge in edges for part in edge}
    lines = ["```mermaid", "flowchart TD"]
    for number, (title, members) in enumerate(rows):
        shown = [name for name in members if name in present]
        if shown:
            lines.append(f'  subgraph row{number}["{title}"]')
            lines += [f'    {_node(name)}["{name}"]' for name in shown]
            lines.append("  end")
    lines += [f"  {_node(a)} --> {_node(b)}" for a, b in sorted(without_implied(edges))]
    if shown := [_node(name) for name in guarded if name in present]:
        lines.append("  classDef guarded stroke-dasharray: 5 3")
        lines.append(f"  class {','.join(shown)} guarded")
    return "\n".join([*lines, "```"])


def architecture() -> str:
    """The picture of the package as pyproject.toml plans it and the imports make it."""
    tools = _tools()
    return mermaid(layer_rows(tools), guarded_parts(tools), import_edges())


def rows() -> str:
    """A table of the rows from the top: what stands in each, and what it may import."""
    tools = _tools()
    layers = _contract(tools, "layers")["layers"]
    lines = []
    for (title, members), layer in zip(layer_rows(tools), layers, strict=True):
        present = [name for name in members if _summary(name) is not None]
        awaited = [name for name in members if name not in present and f"({name})" in layer]
        said = [", ".join(map(code, present))] if present else []
        if awaited:
            said.append(f"a place stands ready for {', '.join(map(code, awaited))}")
        if said:
            lines.append((title, "; ".join(said), _allowed(tools, present, mutual=":" in layer)))
    return table(("row", "parts", "may import"), lines)


def parts() -> str:
    """A table of the parts: what each is, and what it imports today."""
    edges = import_edges()
    lines = []
    for title, members in layer_rows(_tools()):
        present = [name for name in members if _summary(name) is not None]
        for name in present:
            imported = ", ".join(map(code, sorted(b for a, b in edges if a == name)))
            shown = title if name == present[0] else ""
            lines.append((shown, code(name), _summary(name) or "", imported))
    return table(("row", "part", "what it is", "imports"), lines)


def _allowed(tools: Mapping[str, Any], present: list[str], *, mutual: bool) -> str:
    """What a row may import, and the other contracts that hold for a part of it."""
    below = "one another and the rows below" if mutual else "the rows below"
    return ". ".join([below, *(c["name"] for c in _others(tools) if _about(c) & set(present))])


def _others(tools: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    contracts: list[Mapping[str, Any]] = tools["importlinter"]["contracts"]
    return [c for c in contracts if c["type"] in ("forbidden", "protected")]


def _about(contract: Mapping[str, Any]) -> set[str]:
    """The parts that a contract is about."""
    modules = contract.get("source_modules") or contract["protected_modules"]
    return {_part(module) for module in modules}


def _tools() -> Mapping[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    tools: Mapping[str, Any] = tomllib.loads(text)["tool"]
    return tools


def _summary(part: str) -> str | None:
    """The first sentence of a part's docstring; None where there is no such part."""
    folder = ROOT / PACKAGE / part
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    if not path.exists():
        return None
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _contract(tools: Mapping[str, Any], contract_id: str) -> Mapping[str, Any]:
    contracts: Iterator[Mapping[str, Any]] = iter(tools["importlinter"]["contracts"])
    return next(contract for contract in contracts if contract["id"] == contract_id)


def _part(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def _node(part: str) -> str:
    return part.strip("_")


def _reachable(start: str, goal: str, edges: Edges) -> bool:
    seen, open_ends = {start}, [start]
    while open_ends:
        here = open_ends.pop()
        for after in {b for a, b in edges if a == here} - seen:
            if after == goal:
                return True
            seen.add(after)
            open_ends.append(after)
    return False
