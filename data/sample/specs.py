"""Strategy specs (`data/strategies/*.toml`) and the parameter sets that their grids span."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tradingkb.domain.strategy import StrategySpec

ParamSet = dict[str, int | float]


@dataclass(frozen=True)
class Grid:
    """A spec and every parameter set that is backtested; a set's position is its number."""

    spec: StrategySpec
    sets: tuple[ParamSet, ...]


def read_grid(path: Path) -> Grid:
    """Reads one spec; its sets are the product of the `grid` lists without broken constraints.

    The last parameter varies fastest, in the order of the file.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    spec = StrategySpec.from_dict(data)
    names = [p["name"] for p in data["params"]]
    values: Sequence[Sequence[int | float]] = [p["grid"] for p in data["params"]]
    combos = (dict(zip(names, combo, strict=True)) for combo in itertools.product(*values))
    return Grid(spec, tuple(c for c in combos if not spec.broken_constraints(c)))


def read_grids(folder: Path) -> list[Grid]:
    """Reads every spec of a folder, ordered by file name."""
    return [read_grid(path) for path in sorted(folder.glob("*.toml"))]
