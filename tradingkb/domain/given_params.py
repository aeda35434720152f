"""Parameters as a user gives them for a strategy: named right, of the right type, complete."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tradingkb.domain.names import near_names
from tradingkb.domain.param_reading import kind_of, read_set
from tradingkb.domain.param_spec import Params, ParamValue
from tradingkb.domain.strategy import StrategySpec
from tradingkb.domain.trial import canonical_params, parse_params
from tradingkb.exceptions import InvalidInputError


@dataclass(frozen=True)
class GivenParams:
    """A complete parameter set.

    Attributes:
        params: names and values as trials hold them (20.0 is 20), sorted by name.
        filled: those of them that were not given, and are the declared defaults.
    """

    params: dict[str, ParamValue]
    filled: dict[str, ParamValue] = field(default_factory=dict)


def read_params(given: Any, spec: StrategySpec | None, tried: Sequence[Params]) -> GivenParams:
    """Reads a parameter set that may be wrong in any way, as an ingest reads those of trials.

    Values outside the spec's bounds are no error here: `StrategySpec.problems` says them.

    Args:
        given: a mapping, or JSON text of an object.
        spec: says names, types and defaults.
        tried: the sets that were tried, which say names and types where there is no spec.

    Raises:
        InvalidInputError: no such thing; an unknown name, with near ones; a value of another
            type; a parameter that is missing and has no default.
    """
    values = parse_params(canonical_params(_mapping(given)))
    names = _names(spec, tried)
    for name in values:
        if names and name not in names:
            raise _unknown(name, names)
    as_stored = _is_tried(values, tried) and not (spec and spec.problems(values))
    # What an earlier version has stored may have rounding errors, and is found all the same.
    read = values if as_stored else _read(values, spec, tried)
    filled = _filled(read, spec, names, tried)
    whole = {**read, **filled}
    return GivenParams({name: whole[name] for name in sorted(whole)}, filled)


def _is_tried(values: Params, tried: Sequence[Params]) -> bool:
    text = canonical_params(values)
    return any(one == values and canonical_params(one) == text for one in tried)


def _read(
    values: Params, spec: StrategySpec | None, tried: Sequence[Params]
) -> dict[str, ParamValue]:
    read, unread = read_set(values, spec)
    if unread:
        raise InvalidInputError(unread[0].message, field="params", remedy=unread[0].remedy)
    for name, value in read.items():
        if spec is None:
            _check_type(name, value, {kind_of(params[name]) for params in tried if name in params})
    return read


def _filled(
    read: Params, spec: StrategySpec | None, names: Sequence[str], tried: Sequence[Params]
) -> dict[str, ParamValue]:
    """The defaults of what is missing, and of what applies because of them."""
    if spec is None:
        needed = [n for n in names if all(n in params for params in tried)]
        return {name: _default(name, None) for name in needed if name not in read}
    filled: dict[str, ParamValue] = {}
    for param in spec.conditions_first:
        if param.name not in read and param.applies({**read, **filled}):
            filled[param.name] = _default(param.name, spec)
    return {name: filled[name] for name in names if name in filled}


def _mapping(given: Any) -> Mapping[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given, object_pairs_hook=_once)
        except ValueError as error:
            raise _no_params(f"{given[:60]!r} is no JSON ({error})") from None
    if not isinstance(given, Mapping):
        raise _no_params(f"{type(given).__name__} is no parameter set")
    return given


def _no_params(message: str) -> InvalidInputError:
    remedy = 'give a mapping or JSON text such as {"fast": 10, "slow": 50}'
    return InvalidInputError(message, field="params", remedy=remedy)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _names(spec: StrategySpec | None, tried: Sequence[Params]) -> list[str]:
    """The strategy's parameters; empty where nothing says them."""
    if spec is not None:
        return [p.name for p in spec.params]
    return sorted({name for params in tried for name in params})


def _unknown(name: str, names: Sequence[str]) -> InvalidInputError:
    near = near_names(name, names)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return InvalidInputError(
        f"unknown parameter {name!r}",
        field="params",
        remedy=f"{hint}the parameters are {', '.join(names)}",
    )


def _default(name: str, spec: StrategySpec | None) -> ParamValue:
    declared = spec.param(name) if spec else None
    if declared is None or declared.default is None:
        raise InvalidInputError(
            f"{name} is missing, and no default is declared for it",
            field="params",
            remedy=f"give {name} too",
        )
    return declared.default


def _check_type(name: str, value: ParamValue, kinds: set[str]) -> None:
    if kinds and kind_of(value) not in kinds:
        wanted = " or ".join(sorted(kinds))
        raise InvalidInputError(
            f"{name} = {value!r} is {kind_of(value)}, not {wanted}",
            field="params",
            remedy=f"give {wanted} for {name}",
        )
