"""One class per reader: each reads alone what all of them read together."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tradingkb.exceptions import ConfigurationError
from tradingkb.settings import (
    AnswerSettings,
    ClientSettings,
    IndexSettings,
    LogSettings,
    ProcessSettings,
    RetentionSettings,
    RunbookSettings,
    ServiceSettings,
    Settings,
    StoreSettings,
    describe,
    load_settings,
)

#: In the order of the tables of settings.
READERS = (
    StoreSettings,
    IndexSettings,
    LogSettings,
    ProcessSettings,
    AnswerSettings,
    RetentionSettings,
    RunbookSettings,
    ServiceSettings,
    ClientSettings,
)


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    """No setting from outside, and no `.env`."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)


def test_every_setting_has_one_reader_and_the_tables_follow_the_readers():
    by_reader = [name for reader in READERS for name in reader.model_fields]
    assert list(Settings.model_fields) == by_reader
    assert len(set(by_reader)) == len(by_reader)
    assert [row["setting"] for row in describe(Settings())] == [
        str(Settings.model_fields[name].alias) for name in by_reader
    ]


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_alone_finds_what_all_find(reader, monkeypatch):
    monkeypatch.setenv("TRADINGKB_HOME", "there")
    monkeypatch.setenv("EMBED_DIM", "32")
    monkeypatch.setenv("TRADINGKB_TOP_K", "7")
    monkeypatch.setenv("DOCS_ENABLED", "false")
    monkeypatch.setenv("RUNBOOKS_DIR", "books")
    monkeypatch.setenv("TRADINGKB_SERVICE_TIMEOUT_S", "5")
    Path(".env").write_text(
        "LOG_LEVEL=DEBUG\nTRADINGKB_REPLICA=b\nTRADINGKB_RUNS_RETENTION_DAYS=9\n", encoding="utf-8"
    )
    alone, together = reader().model_dump(), Settings().model_dump()
    assert alone == {name: together[name] for name in reader.model_fields}
    defaults = {name: field.default for name, field in reader.model_fields.items()}
    assert alone != defaults


@pytest.mark.parametrize("reader", [*READERS, Settings])
def test_settings_are_never_written_to(reader):
    settings = reader()
    for name in reader.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(settings, name, getattr(settings, name))


def test_a_value_that_cannot_be_used_names_its_variable_and_no_url():
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tie_epsilon=2)
    assert str(caught.value) == (
        "setting TRADINGKB_TIE_EPSILON = 2: Input should be less than 1; "
        "correct or unset TRADINGKB_TIE_EPSILON"
    )
    for name in ("database_url", "qdrant_url"):
        with pytest.raises(ConfigurationError) as caught:
            load_settings(**{name: ["http://me:sesame@host"]})
        assert f"setting {Settings.model_fields[name].alias}: Input should be" in str(caught.value)
        assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://u:p@secret#x@127.0.0.1:1",
        "http://u:p#secret@127.0.0.1:1",
        "http://u:p/secret@127.0.0.1:1",
        "http://u:p?secret@127.0.0.1:1",
        "u:p@secret@127.0.0.1:1",
        "http://[secret",
    ],
)
def test_a_vector_server_s_address_that_its_password_ends_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigurationError, match=r"_URL: (does not say where|is no ad)") as no:
        load_settings(qdrant_url=url)
    assert "secret" not in str(no.value)
    assert no.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [":memory:", "qdrant:6333", "http://u:p%40ss%23@127.0.0.1:1", "https://[::1]:6333?a=b#c"],
)
def test_a_vector_server_s_address_that_can_be_read_is_taken_as_it_is(url):
    assert load_settings(qdrant_url=url).qdrant_url == url


def test_a_file_of_settings_that_cannot_be_read_is_refused_and_not_passed_over(monkeypatch):
    """A container of another user than the one whose `.env` it was given."""
    file = Path(".env")
    file.write_bytes(b"EMBED_MODEL=caf\xe9\n")
    with pytest.raises(ConfigurationError, match=r"\.env in .* cannot be read: .*; correct it"):
        load_settings()
    file.write_text("EMBED_MODEL=of-the-file\n", encoding="utf-8")

    def denied(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pydantic_settings.sources.providers.dotenv.dotenv_values", denied)
    with pytest.raises(ConfigurationError, match=r"Permission denied: '.env'; .*let this user"):
        load_settings()


@pytest.mark.parametrize("text", ["not json", "[1]", '{"desk": 1}'])
def test_tokens_that_cannot_be_read_are_named_by_their_variable_and_not_repeated(monkeypatch, text):
    monkeypatch.setenv("WORKSPACE_TOKENS", text)
    with pytest.raises(ConfigurationError, match="WORKSPACE_TOKENS") as raised:
        load_settings()
    assert text not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_short_admin_token_is_refused_and_not_repeated(monkeypatch):
    monkeypatch.setenv("ADMIN_TOKEN", "pw12345")
    with pytest.raises(ConfigurationError, match="ADMIN_TOKEN") as raised:
        load_settings()
    assert "pw12345" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "kb.example:8000",
        "ftp://kb.example",
        "http://",
        "http://user:secret@kb.example",
        "http://kb.example?token=secret",
    ],
)
def test_the_address_of_a_service_is_a_place_and_holds_no_secret(monkeypatch, url):
    monkeypatch.setenv("TRADINGKB_SERVICE_URL", url)
    with pytest.raises(ConfigurationError, match="TRADINGKB_SERVICE_URL") as raised:
        load_settings()
    assert "secret" not in str(raised.value)


def test_no_check_of_one_reader_takes_the_place_of_another_s():
    checks = [name for reader in READERS for name in vars(reader) if name in _checks(reader)]
    assert len(checks) == len(set(checks)) > len(READERS) / 2


def _checks(reader):
    return {
        name for name in reader.__pydantic_decorators__.field_validators if name in vars(reader)
    }
