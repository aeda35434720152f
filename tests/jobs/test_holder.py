"""Who a process is."""

from __future__ import annotations

import pytest

from tradingkb.jobs import user_name


@pytest.mark.parametrize("error", [KeyError("uid not found: 10001"), OSError("No username set")])
def test_a_user_without_a_name_is_called_unknown(monkeypatch, error):
    """In a container that runs as a number; Python says so in two ways."""

    def nobody():
        raise error

    monkeypatch.setattr("getpass.getuser", nobody)
    assert user_name() == "unknown"
