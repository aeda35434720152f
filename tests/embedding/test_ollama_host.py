"""OLLAMA_HOST is read as Ollama reads it; what is no address is refused and not shown."""

from __future__ import annotations

import pytest

from tradingkb.embedding.ollama_host import ollama_host
from tradingkb.exceptions import ConfigurationError


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":56789", "http://127.0.0.1:56789"),
        ("1.2.3.4:56789", "http://1.2.3.4:56789"),
        ("ollama", "http://ollama:11434"),
        ("ollama:11434", "http://ollama:11434"),
        ("http://ollama:11434", "http://ollama:11434"),
        ("http://1.2.3.4", "http://1.2.3.4:80"),
        ("https://example.com", "https://example.com:443"),
        ("HTTPS://example.com", "https://example.com:443"),
        ("https://example.com:56789/path/", "https://example.com:56789/path"),
        ("example.com/path", "http://example.com:11434/path"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]:8000", "http://[::1]:8000"),
        ("  'ollama' ", "http://ollama:11434"),
    ],
)
def test_every_form_of_ollama_is_understood(given: str, url: str) -> None:
    assert (ollama_host(given).url, ollama_host(given).auth) == (url, None)


def test_user_and_password_are_used_and_never_part_of_the_address() -> None:
    found = ollama_host("https://me:p%40ss%2Fword@example.com/llm")
    assert (found.url, found.auth) == ("https://example.com:443/llm", ("me", "p@ss/word"))
    assert "word" not in repr(found)
    assert ollama_host("token@example.com").auth == ("token", "")


@pytest.mark.parametrize(
    "given",
    [
        "ftp://example.com",
        "http://example.com:port",
        "http://example.com:99999",
        "http://me:se/cret@example.com",
        "http://me:se#cret@example.com",
        "http://me:se?cret@example.com",
        "http://[::1",
        "two words",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(ConfigurationError, match="OLLAMA_HOST cannot be used") as error:
        ollama_host(given)
    for part in ("secret", "cret", "example.com", "99999"):
        assert part not in str(error.value)
    assert error.value.__cause__ is None
