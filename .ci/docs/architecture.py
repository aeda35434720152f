"""Writes the generated parts of README.md: each stands between a pair of `<!-- name -->` markers.

`python .ci/readme.py` writes them, `--check` only says whether they are up to date.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grimp

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
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
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    return mermaid(layer_rows(tools), guarded_parts(tools), import_edges())


def settings() -> str:
    """A table of the settings: variable, default, meaning."""
    from tradingkb.settings.model import Settings

    fields = Settings.model_fields.values()
    rows = [(f"`{f.alias}`", _default(f.default), f.description or "") for f in fields]
    return table(("variable", "default", "meaning"), rows)


def commands() -> str:
    """A table of the command line's commands, from their help."""
    from typer.main import get_command

    from tradingkb.cli.app import app

    found = getattr(get_command(app), "commands")  # noqa: B009 - typer's type hides it
    rows = [(f"`tradingkb {name}`", c.get_short_help_str(limit=200)) for name, c in found.items()]
    return table(("command", "what it does"), rows)


def exit_codes() -> str:
    """A table of the exit codes, from the sentence at the end of the command line's help."""
    from tradingkb.cli.output import EPILOG

    parts = EPILOG.partition(":")[2].strip(" .").split(";")
    pairs = (part.strip().partition(" ") for part in parts)
    return table(("code", "meaning"), [(f"`{code}`", meaning) for code, _, meaning in pairs])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    cells = ([_escaped(cell) for cell in row] for row in rows)
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


BLOCKS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "exit-codes": exit_codes,
    "settings": settings,
    "architecture": architecture,
}


def filled(text: str, blocks: Mapping[str, Callable[[], str]] = BLOCKS) -> str:
    """`text` with each block's content between its markers; ValueError when they are missing."""
    for name, content in blocks.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"README.md needs {begin} and {end} exactly once")
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{content()}\n{end}{rest.partition(end)[2]}"
    return text


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    sys.path.insert(0, str(ROOT))
    check = parser.parse_args(arguments).check
    before = README.read_text(encoding="utf-8")
    after = filled(before)
    if before == after:
        return 0
    if check:
        print("README.md is not up to date: run `make docs`", file=sys.stderr)
        return 1
    README.write_text(after, encoding="utf-8")
    return 0


def _contract(tools: Mapping[str, Any], contract_id: str) -> Mapping[str, Any]:
    contracts: Iterator[Mapping[str, Any]] = iter(tools["importlinter"]["contracts"])
    return next(contract for contract in contracts if contract["id"] == contract_id)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;")


def _default(value: Any) -> str:
    return "" if value is None else f"`{value}`"


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


if __name__ == "__main__":
    sys.exit(main())
