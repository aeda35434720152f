"""What an error says of a backend: by the table of the operating procedures."""

from __future__ import annotations

import pytest

from tradingkb.runbooks.procedures.diagnosis import KINDS, LOOK, SERVICE_OF, kind_of


@pytest.mark.parametrize(
    ("error", "name", "transient"),
    [
        ("ConnectionRefusedError 111", "connection refused", True),
        ("ConnectError", "connection refused", True),
        ("OperationalError 57P03", "connection refused", True),
        ("ConnectionResetError 104", "connection reset", True),
        ("RemoteProtocolError", "connection reset", True),
        ("ReadTimeout", "timeout", True),
        ("QueryCanceled 57014", "timeout", True),
        ("no answer within 2 s", "timeout", True),
        ("no answer since 14.2 s", "timeout", True),
        ("OperationalError 53300", "pool exhausted", True),
        ("QueuePool limit of size 8 overflow 10 reached", "pool exhausted", True),
        ("gaierror -2", "network error", True),
        ("OSError 113", "network error", True),
        ("UnexpectedResponse 503", "overloaded", True),
        ("ResponseError 429", "overloaded", True),
        ("OperationalError SQLITE_BUSY", "overloaded", True),
        ("SyntaxError 42601", "SQL syntax error", False),
        ("UndefinedTable 42P01", "SQL syntax error", False),
        ("UniqueViolation 23505", "constraint violation", False),
        ("InvalidPassword 28P01", "authentication failure", False),
        ("UnexpectedResponse 401", "authentication failure", False),
        ("there is no collection kb_regime_v1_v1", "missing collection", False),
        ("UnexpectedResponse 404", "missing collection", False),
        ("kb_x has dimension 12, the model makes 768", "another dimension", False),
        ("something else", "unknown", True),
        (None, "unknown", True),
    ],
)
def test_an_error_is_of_a_kind_that_is_made_again_or_not(
    error: str | None, name: str, transient: bool
):
    kind = kind_of(error)
    assert (kind.name, kind.transient) == (name, transient)
    assert kind.do


def test_every_row_of_the_procedures_has_a_kind():
    transient = {kind.name for kind in KINDS if kind.transient}
    assert {"connection refused", "connection reset", "timeout", "pool exhausted"} <= transient
    assert {kind.name for kind in KINDS if not kind.transient} >= {
        *("SQL syntax error", "constraint violation", "authentication failure"),
        "missing collection",
    }
    assert set(SERVICE_OF.values()) <= set(LOOK)
