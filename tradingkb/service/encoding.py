"""What is sent: encoded once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson
import polars as pl
from fastapi import Response

from tradingkb.ingest import IngestReport
from tradingkb.masking import anonymous
from tradingkb.monitoring import Page
from tradingkb.plain import STRUCTURES, columns_of, plain, plain_rows
from tradingkb.service.wording import as_requests

#: Problems of rows that one answer names.
_MOST_REJECTS: Final = 1000
JSON: Final = "application/json"


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A value that is JSON already, sent as it is: FastAPI's own encoder would walk it again."""
    return Response(_encoded(value), status, dict(headers or {}), media_type=JSON)


def _encoded(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits, which a store of an earlier release holds
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def frame_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame; JSON text becomes what it says."""
    texts = [c for c in frame.columns if c in STRUCTURES and frame.schema[c] == pl.String]
    rows = plain_rows(frame)
    for row in rows:
        for name in texts:
            if row[name] is not None:
                row[name] = orjson.loads(row[name])
    return rows


def page_response(name: str, page: Page) -> Response:
    """One page of a list, and where the next one begins."""
    columns = columns_of(page.rows)
    return json_response({name: frame_rows(page.rows), "next": page.next, "columns": columns})


def table(frame: pl.DataFrame) -> dict[str, Any]:
    """A frame with the types of its columns, which rows alone do not say."""
    return {"columns": columns_of(frame), "rows": frame_rows(frame)}


def table_response(frame: pl.DataFrame) -> Response:
    """A frame."""
    return json_response(table(frame))


def cells_response(report: Any) -> Response:
    """A report with one table, of cells."""
    return json_response({**plain(report.to_dict()), "cells": table(report.cells)})


def report_response(report: Any) -> Response:
    """What a use case reports."""
    return json_response(plain(report.to_dict()))


def ingest_response(report: IngestReport) -> Response:
    """What an ingest did, with what is wrong with the rows: the client has the rows themselves."""
    form = {k: v for k, v in plain(report.to_dict()).items() if k != "rejects_path"}
    form["notes"] = [as_requests(anonymous(note)) for note in form["notes"]]
    rows = plain_rows(report.rejects.head(_MOST_REJECTS))
    form["rejects"] = [
        {name: row[name] for name in ("row", "field", "message")}
        | {"remedy": as_requests(row["remedy"] or "")}
        for row in rows
    ]
    form["problems"] = report.rejects.height
    return json_response(form)
