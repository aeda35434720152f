"""The environment says what is asked."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from tradingkb.client import LocalClient, RemoteClient, open_client
from tradingkb.exceptions import ConfigurationError


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("URL", "TOKEN", "TIMEOUT_S"):
        monkeypatch.delenv(f"TRADINGKB_SERVICE_{name}", raising=False)


def test_without_an_address_the_store_of_the_settings_is_opened(tmp_path: Path) -> None:
    client = open_client({"TRADINGKB_HOME": str(tmp_path / "here"), "TRADINGKB_SERVICE_URL": ""})
    assert isinstance(client, LocalClient)
    assert (tmp_path / "here" / "tradingkb.db").exists()
    client.close()


def test_with_an_address_nothing_is_opened_and_a_service_is_asked(tmp_path: Path) -> None:
    client = open_client({"TRADINGKB_SERVICE_URL": "http://kb.example:8000"})
    assert isinstance(client, RemoteClient)
    assert client.where() == "kb.example:8000"
    assert list(tmp_path.iterdir()) == []
    client.close()


def test_the_address_may_stand_in_the_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRADINGKB_SERVICE_URL=http://other.example\n")
    client = open_client({})
    assert client.where() == "other.example"
    client.close()


def test_an_address_that_is_none_is_named_by_its_variable() -> None:
    with pytest.raises(ConfigurationError, match="TRADINGKB_SERVICE_URL"):
        open_client({"TRADINGKB_SERVICE_URL": "kb.example"})


def test_a_service_cannot_be_asked_without_httpx2_and_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "httpx2":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"tradingkb\[dashboard\]"):
        open_client({"TRADINGKB_SERVICE_URL": "http://kb.example"})
