"""Constraints between parameters: small expressions such as "fast < slow".

They are parsed with `ast` and evaluated without `eval`: only names, numbers, strings,
arithmetic on numbers, comparisons and and/or/not are accepted. Specs come from files, so an
expression must not be able to run code, nor to fill the memory ("a" * 10**9).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tradingkb.exceptions import InvalidSpecError

#: Longer texts are no constraints: it also bounds the depth of the evaluation.
MAX_LENGTH: Final = 500

_ARITHMETIC: Final[dict[type[ast.AST], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: Final[dict[type[ast.AST], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ALLOWED_NODES: Final = (
    *(ast.Name, ast.Load, ast.Constant, ast.BinOp, ast.UnaryOp, ast.USub, ast.Not),
    *(ast.Compare, ast.BoolOp, ast.And, ast.Or),
    *_ARITHMETIC,
    *_COMPARISONS,
)


def check_constraint(text: str, names: Iterable[str]) -> None:
    """Refuses a constraint that cannot be evaluated over these parameter names.

    Raises:
        InvalidSpecError: a syntax error, an unknown name, or anything but a plain expression.
    """
    _parse(text, set(names))


def _parse(text: Any, names: set[str]) -> ast.expr:
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise InvalidSpecError(
            "a constraint is a text",
            field="constraints",
            remedy=f'for example "fast < slow"; at most {MAX_LENGTH} characters',
        )
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: a null byte
        raise InvalidSpecError(f"cannot read constraint {text!r}", field="constraints") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in names:
            raise InvalidSpecError(
                f"constraint {text!r} names {node.id!r}, which is no parameter", field="constraints"
            )
        if not isinstance(node, _ALLOWED_NODES) or not _is_plain(node):
            raise InvalidSpecError(
                f"constraint {text!r} may hold names, numbers, + - * /, comparisons, and/or/not",
                field="constraints",
            )
    return tree


def _is_plain(node: ast.AST) -> bool:
    """Bytes, complex numbers and `...` are constants too."""
    return not isinstance(node, ast.Constant) or isinstance(
        node.value, bool | int | float | str | None
    )


def constraint_holds(text: str, params: Mapping[str, Any]) -> bool:
    """Whether the constraint is true of these values; a missing name makes it false."""
    try:
        return bool(_value(_parse(text, set(params)), params))
    except (InvalidSpecError, TypeError, ArithmeticError, RecursionError):
        return False


def names_in(text: str) -> set[str]:
    """The parameters that a constraint is about."""
    tree = ast.parse(text.strip(), mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _value(node: ast.expr, params: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return params[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(left, params), _number(right, params))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, params)
        case ast.UnaryOp(operand=operand):
            return -_number(operand, params)
        case ast.BoolOp(op=op, values=values):
            # Lazy, as in Python: "slow == 0 or fast / slow < 1" guards its own division.
            results = (bool(_value(v, params)) for v in values)
            return all(results) if isinstance(op, ast.And) else any(results)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            operands = [_value(n, params) for n in (left, *comparators)]
            pairs = zip(ops, operands, operands[1:], strict=False)
            return all(_COMPARISONS[type(op)](a, b) for op, a, b in pairs)
        case _:  # _parse has refused everything else
            raise TypeError(ast.dump(node))


def _number(node: ast.expr, params: Mapping[str, Any]) -> float:
    value = _value(node, params)
    if isinstance(value, int | float):
        return value
    raise TypeError(f"{value!r} is no number")
