"""Constraints between parameters: small expressions such as "fast < slow".

They are parsed with `ast` and evaluated without `eval`: only names, numbers, strings,
arithmetic, comparisons and and/or/not are accepted.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tradingkb.exceptions import InvalidSpecError

_BINARY: Final[dict[type[ast.AST], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_ALLOWED_NODES: Final = (
    ast.Name, ast.Load, ast.Constant, ast.BinOp, ast.UnaryOp, ast.USub, ast.Not, ast.Compare,
    ast.BoolOp, ast.And, ast.Or, *_BINARY,
)  # fmt: skip


def check_constraint(text: str, names: Iterable[str]) -> None:
    """Refuses a constraint that cannot be evaluated over these parameter names.

    Raises:
        InvalidSpecError: a syntax error, an unknown name, or anything but a plain expression.
    """
    _parse(text, set(names))


def _parse(text: str, names: set[str]) -> ast.expr:
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise InvalidSpecError(f"cannot read constraint {text!r}", field="constraints") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in names:
            raise InvalidSpecError(
                f"constraint {text!r} names {node.id!r}, which is no parameter", field="constraints"
            )
        if not isinstance(node, _ALLOWED_NODES):
            raise InvalidSpecError(
                f"constraint {text!r} may hold names, numbers, + - * /, comparisons, and/or/not",
                field="constraints",
            )
    return tree


def constraint_holds(text: str, params: Mapping[str, Any]) -> bool:
    """Whether the constraint is true of these values; a missing name makes it false."""
    try:
        return bool(_value(_parse(text, set(params)), params))
    except (InvalidSpecError, TypeError, ZeroDivisionError):
        return False


def _value(node: ast.expr, params: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return params[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, params), _value(right, params))
        case ast.UnaryOp(op=op, operand=operand):
            inner = _value(operand, params)
            return (not inner) if isinstance(op, ast.Not) else -inner
        case ast.BoolOp(op=op, values=values):
            results = [bool(_value(v, params)) for v in values]
            return all(results) if isinstance(op, ast.And) else any(results)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            operands = [_value(n, params) for n in (left, *comparators)]
            pairs = zip(ops, operands, operands[1:], strict=False)
            return all(_BINARY[type(op)](a, b) for op, a, b in pairs)
        case _:  # _parse has refused everything else
            raise TypeError(ast.dump(node))
