"""What the routes of a service have in common: tables, pages, bars and times of queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from io import BytesIO
from typing import Any

import polars as pl

from tradingkb.client.protocol import Found, Moment, Ranges
from tradingkb.client.tables import frame_of
from tradingkb.client.wire import Wire
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.monitoring import nothing_selected
from tradingkb.plain import plain_rows, time_text


class Routes:
    """Asks routes, and reads what they answer."""

    def __init__(self, wire: Wire) -> None:
        """Takes what carries requests."""
        self.wire = wire

    def get(self, path: str, **query: Any) -> Found:
        """What a route answers; parameters that are None are left out."""
        return _object(self.wire.get(path, query))

    def post(self, path: str, body: Found | None = None, **sent: Any) -> Found:
        """What a route answers to a body; `sent` as of `Wire.post`."""
        return _object(self.wire.post(path, body, **sent))

    def told(self, path: str) -> Found:
        """What a probe says."""
        return _object(self.wire.told(path))

    def field(self, path: str, name: str, *kinds: type, **query: Any) -> Any:
        """One field of what a route answers, of one of these types."""
        answer = self.get(path, **query)
        found = answer.get(name)
        if name not in answer or not isinstance(found, kinds):
            raise _foreign()
        return found

    def frame(self, path: str, **query: Any) -> pl.DataFrame:
        """A table."""
        return _table(self.get(path, **query), "rows")

    def page(
        self, path: str, name: str, workspace: str, query: Mapping[str, Any]
    ) -> tuple[pl.DataFrame, str | None]:
        """A page of a list, and where the next one begins."""
        found = self.get(path, **{"workspace_id": workspace, **query})
        following = found.get("next")
        if not isinstance(following, str | None):
            raise _foreign()
        return _table(found, name), following

    def with_cells(self, path: str, workspace: str, query: Mapping[str, Any]) -> Found:
        """A report whose cells are a table."""
        found = self.get(path, workspace_id=workspace, **query)
        return {**found, "cells": _table(found.get("cells"), "rows")}

    def with_bars(self, path: str, asked: Found, query: Mapping[str, Any] | None = None) -> Found:
        """Bars go as a file: a tenth of their JSON, and every type as it is."""
        bars = asked.get("ohlcv")
        asked = {name: _sent(value) for name, value in asked.items() if name != "ohlcv"}
        if isinstance(bars, pl.DataFrame) and _all_numbers(bars):
            content = BytesIO()
            bars.write_parquet(content)
            form = {
                "request": (None, json.dumps(asked)),
                "ohlcv": ("bars.parquet", content.getvalue()),
            }
            return self.post(path, query=query, form=form)
        if bars is not None:
            asked["ohlcv"] = (
                bars.to_dict(as_series=False) if isinstance(bars, pl.DataFrame) else bars
            )
        return self.post(path, asked, query=query)


def _object(found: Any) -> Found:
    if not isinstance(found, dict):
        raise _foreign()
    return found


def _table(found: Any, name: str) -> pl.DataFrame:
    try:
        return frame_of(dict(found["columns"]), found[name])
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise _foreign() from error


def _foreign() -> BackendUnavailableError:
    return BackendUnavailableError(
        "the service answers in another form: see that TRADINGKB_SERVICE_URL is the address of a "
        "tradingkb service of this release"
    )


def _sent(value: Any) -> Any:
    """A field of a question as JSON has it."""
    if isinstance(value, pl.DataFrame):
        return plain_rows(value)
    if isinstance(value, datetime):
        return moment(value)
    return value.isoformat() if isinstance(value, date) else value


def _all_numbers(bars: pl.DataFrame) -> bool:
    return all(type_.is_numeric() or type_.is_temporal() for type_ in bars.schema.values())


def between(since: Moment, until: Moment) -> Found:
    """The parameters of a range of time."""
    return {"since": moment(since), "until": moment(until)}


def moment(at: Moment) -> str | None:
    """A time as text."""
    if not isinstance(at, datetime):
        return at
    # A naive time is refused where it is read, with its remedy, as the knowledge base here does.
    return at.isoformat() if at.tzinfo is None else time_text(at)


def listed(names: Sequence[str]) -> str:
    """Names as one parameter; no name at all is said too."""
    return ",".join(names)


def truth(value: bool) -> str:
    """A flag as a parameter."""
    return "true" if value else "false"


def ranges_text(ranges: Ranges | None) -> str | None:
    """Ranges as one parameter: JSON of [low, high] by column."""
    if not ranges:
        return None
    return json.dumps({name: _bounds(given) for name, given in ranges.items()}, default=float)


def _bounds(given: Any) -> Any:
    """What is no range is refused where it is read, too."""
    return list(map(_sent, given)) if isinstance(given, list | tuple) else given


def selected(where: Mapping[str, Any] | None) -> Found:
    """What trials are selected by, as parameters.

    Raises:
        InvalidInputError: a list of nothing, which as a parameter would be no condition.
    """
    found = {}
    for name, value in (where or {}).items():
        found[name] = sorted(value) if isinstance(value, set | tuple) else value
        if found[name] == []:
            raise nothing_selected(name)
    return found
