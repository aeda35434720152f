"""What is said of an error: enough to act on, and nothing that is nobody's business."""

from __future__ import annotations

import pytest

from tradingkb.exceptions import BackendUnavailableError, ConfigurationError, InvalidInputError
from tradingkb.jobs.told import told

KEPT = [
    "strategy 'sma_cross' of BTC/USDT on 5m has 1/2 of its trials",
    "dimension mismatch: collection kb_x has 64, embedder makes 768",
    "row 3, sharpe_is: 'x' is no number (give numbers and/or nothing)",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_helps_is_said(text: str) -> None:
    assert told(InvalidInputError(text)) == text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("the store sqlite:////home/ada/kb/tradingkb.db cannot be written", "ada"),
        ("the store C:\\kb\\tradingkb.db cannot be written", "kb\\"),
        ("the database postgresql+psycopg://u:geheim@db.lan:5432/kb did not answer", "geheim"),
        ('connection to server at "10.1.2.3", port 5432 failed', "10.1.2.3"),
        ('connection to server at "10.1.2.3", port 5432 failed', "5432"),
        ('host "db.lan" is unknown', "db.lan"),
        ("no route to 10.1.2.3:6333", "10.1.2.3"),
        ("/var/lib/kb: no space left on device", "/var"),
        ("see ~/kb/rejects.csv, please", "rejects"),
        ("called with api_key=abc123", "abc123"),
        ("called with PASSWORD: abc123", "abc123"),
        ("told the hidden thing", "hidden thing"),
    ],
)
@pytest.mark.parametrize("kind", [BackendUnavailableError, ConfigurationError, RuntimeError])
def test_no_path_address_or_secret_is_said(text: str, secret: str, kind: type[Exception]) -> None:
    assert secret not in told(kind(text), ("hidden thing",))


def test_an_error_that_is_none_of_ours_is_named() -> None:
    assert told(ZeroDivisionError("division by zero")) == (
        "unexpected error: ZeroDivisionError: division by zero"
    )


def test_it_is_one_line_of_bounded_length() -> None:
    assert told(InvalidInputError("a\n  b\tc")) == "a b c"
    assert len(told(InvalidInputError("x " * 9000))) == 500
