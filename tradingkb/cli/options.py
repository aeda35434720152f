"""Options as users type them, to values as the library takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradingkb.exceptions import InvalidInputError

if TYPE_CHECKING:
    from tradingkb.importers import Const


def read_mapping(
    maps: Sequence[str], constants: Sequence[str], file: Path | None
) -> dict[str, str | Const]:
    """The mapping of `--map`, `--set` and `--map-file`; single options win over the file.

    Raises:
        InvalidInputError: an option without "=", or a file that is no such TOML.
    """
    from tradingkb.importers import const, read_mapping_file

    mapping: dict[str, str | Const] = read_mapping_file(file) if file else {}
    mapping |= dict(_pair(text, "--map") for text in maps)
    return mapping | {k: const(_number(v)) for k, v in (_pair(t, "--set") for t in constants)}


def read_ids(ids: Sequence[str] | None, *, by_source_id: bool) -> list[int] | list[str] | None:
    """Ids as the library tells them apart: numbers are trial ids, unless they are source ids."""
    if not ids:
        return None
    if by_source_id or not all(text.isdecimal() for text in ids):
        return list(ids)
    return [int(text) for text in ids]


def read_params(text: str | None, pairs: Sequence[str]) -> str | dict[str, Any]:
    """The parameters of `--params`, or of one or more `--param`; none at all are the defaults.

    Raises:
        InvalidInputError: both are given, or a pair that is none, or one name twice.
    """
    if text is not None and pairs:
        raise InvalidInputError(
            "--params and --param are both given",
            field="--param",
            remedy="give all parameters in one of them",
        )
    if text is not None:
        return text
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = (part.strip() for part in pair.partition("="))
        if not (name and sign and value) or name in found:
            problem = "is given twice" if name in found else "is not of the form name=value"
            raise InvalidInputError(
                f"{pair!r} {problem}", field="--param", remedy="for example --param fast=10"
            )
        found[name] = _literal(value)
    return found


def _literal(text: str) -> Any:
    """A number, true, false or null as JSON writes them; else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name or not value:
        raise InvalidInputError(
            f"{text!r} is not of the form canonical=value",
            field=option,
            remedy="for example --map sharpe_is=is_sharpe --set objective_type=sharpe",
        )
    return name.strip(), value.strip()


def _number(text: str) -> Any:
    try:
        return float(text) if any(c in text for c in ".eE") else int(text)
    except ValueError:
        return text


def read_regime(texts: Sequence[str]) -> dict[str, float] | list[str] | None:
    """A stated regime: tags, or feature=value pairs.

    Raises:
        InvalidInputError: tags and features mixed, or a value that is no number.
    """
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if not parts:
        return None
    pairs = [part.partition("=") for part in parts]
    if not any(sign for _, sign, _ in pairs):
        return parts
    if not all(sign for _, sign, _ in pairs):
        raise InvalidInputError(
            "tags and features are mixed",
            field="--regime",
            remedy="state tags (uptrend,low_volatility) or features (rsi=65,atr_pct=0.02)",
        )
    try:
        return {name.strip(): float(value) for name, _, value in pairs}
    except ValueError as error:
        raise InvalidInputError(str(error), field="--regime", remedy="give numbers") from None
