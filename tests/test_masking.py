"""No secret of a URL is shown, however it is written and wherever the URL turns up."""

from __future__ import annotations

import io
import logging
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tradingkb as tkb
from tradingkb.exceptions import ConfigurationError
from tradingkb.masking import masked, masked_url
from tradingkb.observability import emit
from tradingkb.observability.events import _Formatter
from tradingkb.settings import Settings, StoreSettings, describe, load_settings, shown_settings
from tradingkb.settings.urls import parse_url
from tradingkb.sql import open_engine, shown_url

#: Two words around anything: neither may be shown, whatever the password is split at.
FIRST, LAST = "sesame7", "opens42"
BETWEEN = st.text(alphabet="/#?@%:&=;+,.[]!$*'()~|é ", max_size=4)
SECRETS = st.builds(lambda between: f"{FIRST}{between}{LAST}", BETWEEN)
SCHEMES = st.sampled_from(["postgresql+psycopg", "postgresql", "https", "http", "sqlite", "grpc"])
OPTIONS = st.sampled_from(
    ["password", "api_key", "sslpassword", "apikey", "token", "key", "whatever", "PASSWORD"]
)
HARMLESS = st.sampled_from(["", "sslmode=require&", "connect_timeout=3&"])


def hides(shown: str) -> bool:
    return FIRST not in shown and LAST not in shown


@given(SCHEMES, SECRETS, st.booleans(), st.sampled_from(["", "/db", ":6333/x?sslmode=require"]))
def test_a_password_before_the_host_is_never_shown(
    scheme: str, secret: str, quoted: bool, rest: str
) -> None:
    password = quote(secret, safe="") if quoted else secret
    assert hides(masked_url(f"{scheme}://me:{password}@host{rest}"))


@given(SECRETS, st.booleans())
def test_a_token_before_the_host_of_a_web_server_is_never_shown(secret: str, quoted: bool) -> None:
    token = quote(secret, safe="") if quoted else secret
    assert hides(masked_url(f"https://{token}@host:6333"))


@given(SCHEMES, OPTIONS, SECRETS, HARMLESS, st.booleans())
def test_an_option_that_may_be_secret_is_never_shown(
    scheme: str, name: str, secret: str, before: str, quoted: bool
) -> None:
    value = quote(secret, safe="") if quoted else secret
    for user in ("", "me:other@"):
        url = f"{scheme}://{user}host/db?{before}{name}={value}&sslmode=require"
        assert hides(masked_url(url))


@given(SCHEMES, SECRETS.filter(lambda s: " " not in s))
def test_a_url_in_a_text_is_masked_where_it_stands(scheme: str, secret: str) -> None:
    shown = masked(f"cannot reach {scheme}://me:{secret}@host/db: gone")
    assert hides(shown)
    assert shown.startswith("cannot reach ")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////home/me/.tradingkb/kb.db", "sqlite:////home/me/.tradingkb/kb.db"),
        ("http://qdrant:6333", "http://qdrant:6333"),
        ("http://[::1]:6333/x", "http://[::1]:6333/x"),
        (":memory:", ":memory:"),
        ("postgresql://me@db/name", "postgresql://me@db/name"),
        ("postgresql://me:x@db:5432/name", "postgresql://me:***@db:5432/name"),
        ("postgresql://me:a%2Fb@db/name?sslmode=require", "postgresql://me:***@db/name?sslmode=require"),
        ("postgresql://me:a@b@db/name", "postgresql://me:***@db/name"),
        ("postgresql://me:a/b@db/name", "postgresql://me:***"),
        ("postgresql://db/name?password=x&sslmode=require", "postgresql://db/name?password=***&sslmode=require"),
        ("https://db:6333?api_key=x&y=z", "https://db:6333?api_key=***&***"),
        ("https://token@db:6333", "https://***@db:6333"),
        ("postgresql://me:unfinished", "postgresql://me:***"),
    ],
)  # fmt: skip
def test_what_is_no_secret_is_shown(url: str, shown: str) -> None:
    assert masked_url(url) == masked(url) == shown


SECRET_URLS = {
    "database_url": f"postgresql+psycopg://me:{FIRST}%2F{LAST}@db/name?sslpassword={FIRST}#{LAST}",
    "qdrant_url": f"https://me:{FIRST}%23{LAST}@db:6333?api_key={FIRST}",
}


def everything_said_by(error: BaseException) -> str:
    """As a program prints an error: with what it was made from."""
    return "".join(traceback.format_exception(error)) + repr(error)


def test_settings_show_no_secret_in_any_form() -> None:
    settings = load_settings(**SECRET_URLS, qdrant_api_key=FIRST)
    for shown in (
        repr(settings),
        str(settings),
        str(describe(settings, SECRET_URLS)),
        settings.shown_store_url,
    ):
        assert hides(shown)
    assert settings.database_url == SECRET_URLS["database_url"]


@pytest.mark.parametrize(
    "url",
    [
        f"{FIRST}:{LAST}",
        f"nosuch://me:{FIRST}{LAST}@db",
        f"postgresql://me:{FIRST}@{LAST}@db/name",
        f"postgresql://me:{FIRST}@x:{LAST}@db/name",
        f"postgresql://me:{FIRST}@x/{LAST}@db/name",
        f"postgresql://db?password={FIRST}@{LAST}",
        f"host=db password={FIRST} user={LAST}",
    ],
)
def test_a_database_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as caught:
        load_settings(database_url=url)
    assert hides(everything_said_by(caught.value))
    for call in (lambda: StoreSettings(database_url=url), lambda: Settings(DATABASE_URL=url)):
        with pytest.raises(ValueError) as also:
            call()
        assert hides(everything_said_by(also.value))


def test_a_password_with_a_slash_or_a_number_sign_is_taken_as_it_is() -> None:
    for url in ("postgresql://me:a/b@db/name", "postgresql://me:a#b@db/name"):
        parse_url(url)
    with pytest.raises(ValueError, match="write @ as %40"):
        parse_url("postgresql://me:a@b@db/name")


def test_a_qdrant_url_that_cannot_be_used_is_named_without_its_secrets(tmp_path: Path) -> None:
    for url in (f"http://me:{FIRST}/{LAST}@db:6333", f"http://db:{FIRST}{LAST}"):
        with pytest.raises(ConfigurationError, match="QDRANT_URL") as caught:
            tkb.connect(tmp_path, qdrant_url=url, progress=False)
        assert hides(everything_said_by(caught.value))


def test_an_ollama_host_that_cannot_be_used_is_named_without_its_secrets(tmp_path: Path) -> None:
    for host in (
        f"http://me:{FIRST}/{LAST}@db:11434",
        f"me:{FIRST}#{LAST}@db",
        f"db:{FIRST}{LAST}",
    ):
        with pytest.raises(ConfigurationError, match="OLLAMA_HOST") as caught:
            tkb.connect(tmp_path, ollama_host=host, progress=False)
        assert hides(everything_said_by(caught.value))


def test_settings_show_no_password_of_an_ollama_host() -> None:
    for host in (f"me:{FIRST}{LAST}@db", f"http://me:{FIRST}{LAST}@db:11434"):
        settings = Settings(OLLAMA_HOST=host)
        assert hides(repr(settings))
        assert hides(str(describe(settings)))
        assert "OLLAMA_HOST" not in shown_settings(settings)


def test_a_server_that_does_not_answer_is_named_without_its_secrets(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://me:{FIRST}%2F{LAST}@127.0.0.1:9/db?password={FIRST}%40{LAST}"
    with pytest.raises(tkb.TradingKBError, match=r"me:\*\*\*@127\.0\.0\.1:9/db") as caught:
        tkb.connect(tmp_path, database_url=url, qdrant_url=":memory:", progress=False)
    assert hides(everything_said_by(caught.value))


def test_an_engine_shows_no_secret() -> None:
    engine = open_engine(
        f"postgresql+psycopg://me@db/name?password={FIRST}%40{LAST}&sslmode=require"
    )
    assert hides(repr(engine) + str(engine.url) + shown_url(engine))
    assert engine.url.password == f"{FIRST}@{LAST}"


def test_a_log_event_shows_no_secret() -> None:
    logger, stream = logging.getLogger("tradingkb"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter("logfmt"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        emit("kb_event_queued", error=f"no answer from {SECRET_URLS['qdrant_url']}", waiting=1)
        emit("kb_something", place=SECRET_URLS["qdrant_url"])
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert "https://***@db:6333" in stream.getvalue()
    assert hides(stream.getvalue())
