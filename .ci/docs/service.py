"""The tables of the HTTP service: routes, fields of requests, statuses of problems."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from pages import code, table


def routes() -> str:
    """A table of the routes: who may ask, and what for."""
    rows = [
        (code(f"{method.upper()} {path}"), _who(route), str(route["description"]))
        for path, methods in _document()["paths"].items()
        for method, route in methods.items()
    ]
    return table(("route", "who", "what it does"), rows)


def recommend_fields() -> str:
    """The fields of a question over HTTP."""
    from tradingkb.service.bodies import RecommendBody

    return _fields(RecommendBody)


def ingest_fields() -> str:
    """The fields of an ingest over HTTP."""
    from tradingkb.service.bodies import IngestBody

    return _fields(IngestBody)


def statuses() -> str:
    """A table of the errors with their status over HTTP."""
    from docstrings import summary

    from tradingkb.exceptions import TradingKBError
    from tradingkb.service import STATUSES
    from tradingkb.service.problems import code_of

    rows = []
    for kind in _kinds(TradingKBError):
        status = next(number for base, number in STATUSES if issubclass(kind, base))
        rows.append((code(_code(code_of, kind)), str(status), summary(kind)))
    return table(("code", "status", "it says"), sorted(rows, key=lambda row: row[1]))


def _document() -> dict[str, Any]:
    from tradingkb.service import create_app
    from tradingkb.settings import Settings

    def unopened() -> Any:
        raise AssertionError("nothing is opened to write the pages")

    app = create_app(unopened, Settings(_env_file=None), monotonic=time.monotonic)
    return app.openapi()


def _who(route: dict[str, Any]) -> str:
    return {"probes": "all", "administration": "administrators"}.get(
        route["tags"][0], "the workspace"
    )


def _fields(body: Any) -> str:
    rows = [
        (code(name), _default(field), str(field.description))
        for name, field in body.model_fields.items()
    ]
    return table(("field", "default", "meaning"), rows)


def _default(field: Any) -> str:
    if field.is_required():
        return "needed"
    return "" if field.default is None else code(repr(field.default).replace("'", '"').lower())


def _kinds(root: type) -> Iterator[type]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == "tradingkb.exceptions":
            yield from _kinds(child)


def _code(code_of: Any, kind: type) -> str:
    return str(code_of(kind.__new__(kind)))
