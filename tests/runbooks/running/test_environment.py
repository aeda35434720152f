"""Settings as an environment are the same settings in another process, in any folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradingkb.runbooks import settings_environment
from tradingkb.settings import Settings, load_settings

OUTSIDE = {
    "PATH": "/usr/bin",
    "QDRANT_URL": "http://elsewhere:6333",
    "tradingkb_top_k": "3",
    "LOG_LEVEL": "DEBUG",
}


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)


def read_in(folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    folder.mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        for name, value in environment.items():
            patch.setenv(name, value)
        return load_settings()


def test_what_is_in_force_here_is_read_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(
        home="home",
        runbook_output="out",
        database_url="sqlite:///kb.db",
        workspace_tokens={"desk": "x" * 8},
        docs_enabled=False,
        top_k=7,
        ollama_timeout_s=2.5,
    )
    environment = settings_environment(settings, {})
    assert environment["DATABASE_URL"] == f"sqlite:///{tmp_path / 'kb.db'}"
    there = read_in(tmp_path / "there", environment, monkeypatch)
    paths = {"home": tmp_path / "home", "runbook_output": tmp_path / "out"}
    same = {**settings.model_dump(), **paths, "database_url": environment["DATABASE_URL"]}
    assert there.model_dump() == same
    assert there.service_log_level == "INFO"


def test_settings_of_the_environment_outside_do_not_get_in_and_what_is_no_setting_does() -> None:
    environment = settings_environment(load_settings(home="home"), OUTSIDE)
    assert set(environment) == {"PATH", "TRADINGKB_HOME"}


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "postgresql+psycopg://ann:s%3Ae@host:5432/kb"]
)
def test_a_url_of_no_file_stays_as_it_is(url: str) -> None:
    assert settings_environment(load_settings(database_url=url), {})["DATABASE_URL"] == url
