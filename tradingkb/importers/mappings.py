"""A mapping of columns, kept in a file beside the trials that it is for."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tradingkb.exceptions import InvalidInputError
from tradingkb.importers.source import Const, const


def read_mapping_file(path: Path) -> dict[str, str | Const]:
    """The tables [map], canonical column to that of the file, and [set], to a constant.

    Raises:
        InvalidInputError: a file that is no such TOML.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", field="--map-file") from None
    if unknown := sorted(set(data) - {"map", "set"}):
        raise InvalidInputError(
            f"{path}: unknown table {unknown[0]!r}",
            field="--map-file",
            remedy="use [map] for columns and [set] for constants",
        )
    columns = {str(k): str(v) for k, v in data.get("map", {}).items()}
    return {**columns, **{str(k): const(v) for k, v in data.get("set", {}).items()}}
