"""What the forms of answers are made of: JSON schemas of texts, numbers, lists and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradingkb.plain import COLUMN_TYPES, JSON_COLUMN

Schema = dict[str, Any]


def object_of(properties: Mapping[str, Schema], *, closed: bool = False) -> Schema:
    """A JSON object with these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        **({"additionalProperties": False} if closed else {}),
    }


def or_null(schema: Schema) -> Schema:
    """What may be missing."""
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(items: Schema) -> Schema:
    """A JSON array of these."""
    return {"type": "array", "items": items}


TEXT: Final[Schema] = {"type": "string"}
BOOL: Final[Schema] = {"type": "boolean"}
NATURAL: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER: Final[Schema] = {"type": "number"}
ANY: Final[Schema] = {"type": "object"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
#: Types of columns by their names, for clients that make frames of rows.
COLUMNS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": "string", "enum": [JSON_COLUMN, *COLUMN_TYPES]},
}
#: Where the next page begins, and the types of the columns.
NEXT: Final[dict[str, Schema]] = {"next": or_null(TEXT), "columns": COLUMNS}
