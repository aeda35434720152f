"""What a link says and a form did not take: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.shared.text import shortened


def left_out(link: Mapping[str, Sequence[str]], held: Mapping[str, Any]) -> list[str]:
    """What a link says that is not in the form: a value that does not exist, or is out of bounds.

    Args:
        link: parameter to its texts.
        held: what the form's fields hold, by parameter; fields that are not shown are absent.

    Returns:
        A text per parameter, such as `max_drawdown=7`.
    """
    lost = [name for name, texts in link.items() if name in held and not _took(held[name], texts)]
    return [f"{name}={shortened(','.join(link[name]))}" for name in lost]


def _took(value: Any, texts: Sequence[str]) -> bool:
    if isinstance(value, list | tuple):
        return {str(one) for one in value} >= set(texts)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(texts[-1]) == value
    return str(value or "").strip() == texts[-1].strip()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
