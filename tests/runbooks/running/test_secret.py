"""Secrets are told nowhere, however they are written; other words stay."""

from __future__ import annotations

import html
import json
from typing import Any
from urllib.parse import quote

import pytest

from tradingkb.runbooks.running.secret import Secrets, secrets_of
from tradingkb.settings import load_settings

SECRET = 'a/b "ü" & <c>\\'


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps({"token": SECRET}),
        json.dumps(SECRET, ensure_ascii=False),
        f"http://host/{quote(SECRET, safe='')}",
        html.escape(SECRET),
        repr([SECRET]),
    ],
)
def test_a_secret_is_masked_in_every_form_of_a_text(written: str) -> None:
    found = Secrets([SECRET]).masked(f"before {written} after")
    assert "***" in found
    assert found.startswith("before ")
    assert found.endswith(" after")
    assert "c>" not in found
    assert "/b" not in found


def test_a_secret_that_holds_another_one_goes_whole() -> None:
    assert Secrets(["word", "password"]).masked("my password, a word") == "my ***, a ***"


@pytest.mark.parametrize("secrets", [[], [""], ["abc"]])
def test_what_is_too_short_to_be_one_masks_nothing(secrets: list[str]) -> None:
    assert Secrets(secrets).masked("abc in abcdef") == "abc in abcdef"


def test_values_of_any_shape_lose_their_secrets_and_names_keep_theirs() -> None:
    secrets = Secrets(["geheim"])
    value = {"geheim": ["geheim", 1, None, {"a": ("geheim 2", True)}]}
    assert secrets.of(value) == {"geheim": ["***", 1, None, {"a": ["*** 2", True]}]}
    node: Any = {"outputs": [{"text": "geheim", "data": {"a": ["geheim"]}}], "n": 1}
    secrets.wipe(node)
    assert node == {"outputs": [{"text": "***", "data": {"a": ["***"]}}], "n": 1}


def test_credentials_of_urls_in_parameters_are_secrets() -> None:
    urls = "http://bob:pass-word@h:1/x, https://token-xyz@h2/ http://[ postgresql://some@h/db"
    secrets = secrets_of(load_settings(), {"urls": urls, "n": 3}, {})
    assert secrets.masked(urls) == (
        "http://bob:***@h:1/x, https://***@h2/ http://[ postgresql://some@h/db"
    )


def masked(text: str, **settings: Any) -> str:
    environment = {"MY_TOKEN": "from-outside", "OTHER": "is-no-secret"}
    parameters = {"token_env": "MY_TOKEN", "none_env": None, "missing_env": "NO", "name": "OTHER"}
    return secrets_of(load_settings(**settings), parameters, environment).masked(text)


def test_secrets_are_those_of_settings_and_of_variables_that_parameters_name() -> None:
    assert masked("from-outside is-no-secret") == "*** is-no-secret"
    assert masked("tokens-of-desk", workspace_tokens={"desk": "tokens-of-desk"}) == "***"
    assert masked("admin-token", admin_token="admin-token") == "***"
    assert masked("qdrant-key", qdrant_api_key="qdrant-key") == "***"


def test_a_password_of_a_url_is_a_secret_unless_it_is_a_name_of_the_same_url() -> None:
    url = "postgresql+psycopg://ann:{}@host/tradingkb"
    assert masked("s%3Aecret s:ecret", database_url=url.format("s%3Aecret")) == "*** ***"
    assert masked("tradingkb", database_url=url.format("tradingkb")) == "tradingkb"
    assert masked("redis-pass", redis_url="redis://:redis-pass@host/0") == "***"
