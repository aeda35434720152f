"""Parts of an answer: typed values that can also be read like the JSON that they become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any


class Part(Mapping[str, Any]):
    """Makes a frozen dataclass a mapping of its fields.

    `expected.value` and `expected["value"]` are the same; `dict(expected)` has the fields in their
    order; `to_dict()` of the answer goes all the way down.
    """

    def __getitem__(self, name: str) -> Any:
        if name not in self._names():
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))  # type: ignore[arg-type]
