"""Strategy specs from TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tradingkb.domain import StrategySpec, check_param_names, fits_64_bits
from tradingkb.exceptions import InvalidSpecError


def specs_to_register(spec: StrategySpec | str | Path) -> list[StrategySpec]:
    """A spec, or those of a TOML file or of a folder, all of them checked before any is stored.

    Raises:
        InvalidSpecError: as `read_specs`; a parameter whose name is none, or an integer of it
            beyond 64 bits.
    """
    specs = [spec] if isinstance(spec, StrategySpec) else read_specs(spec)
    for one in specs:
        check_param_names(one)
        _check_integers(one)
    return specs


def _check_integers(spec: StrategySpec) -> None:
    """Not part of a spec itself: one that is stored already has to be read."""
    for p in spec.params:
        said = {"low": p.low, "high": p.high, "step": p.step, "default": p.default}
        listed = [
            ("choices", p.choices),
            *((f"when.{name}", some) for name, some in p.when.items()),
        ]
        many = [(key, value) for key, some in listed for value in some]
        for key, value in [*said.items(), *many]:
            if isinstance(value, int) and not fits_64_bits(value):
                raise InvalidSpecError(
                    f"{key} {value:.6g} is an integer of more than 64 bits",
                    field=p.name,
                    remedy=f"write a float, {value:.6g}, or leave the bound out",
                )


def read_specs(path: str | Path) -> list[StrategySpec]:
    """Reads one TOML file, or every TOML file of a folder, by name.

    Raises:
        InvalidSpecError: no such file, no TOML, or a spec that contradicts itself; the file is
            named.
    """
    root = Path(path)
    try:
        files = sorted(root.glob("*.toml")) if root.is_dir() else [root]
    except OSError as error:  # a name that is too long
        raise InvalidSpecError(f"{root} cannot be read: {error.strerror}", field="path") from None
    if not files:
        raise InvalidSpecError(
            f"{root} holds no .toml file", field="path", remedy="give a TOML file or a folder"
        )
    return [_read(file) for file in files]


def _read(file: Path) -> StrategySpec:
    try:
        return StrategySpec.from_dict(tomllib.loads(file.read_text(encoding="utf-8")))
    except InvalidSpecError as error:
        raise InvalidSpecError(f"{file.name}: {error}") from error
    except (OSError, ValueError) as error:  # no TOML, no UTF-8, and a NUL in a path
        raise InvalidSpecError(f"{str(file)!a} cannot be read: {error}", field="path") from error
