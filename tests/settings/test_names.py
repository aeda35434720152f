"""A misspelt variable is noticed, and another program's is none of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tradingkb.settings import Settings, misplaced
from tradingkb.settings.names import OF_COMPOSE, mistaken

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("qdrant_ur", "QDRANT_URL"),
        ("QDRANT_APIKEY", "QDRANT_API_KEY"),
        ("EMBED_MODLE", "EMBED_MODEL"),
        ("RATE_LIMIT_PER_MINTUE", "RATE_LIMIT_PER_MINUTE"),
        ("OLLAMA_HOTS", "OLLAMA_HOST"),
        ("REDIS_URI", "REDIS_URL"),
        ("ADMIN_TOKN", "ADMIN_TOKEN"),
        ("EMBED_ZZZZZZZZZ", None),
    ],
)
def test_a_misspelt_setting_is_named_with_the_one_that_is_meant(
    name: str, near: str | None
) -> None:
    assert mistaken([name]) == {name.upper(): near}


def test_settings_and_the_variables_of_other_programs_are_not_doubted() -> None:
    ours = [str(field.alias) for field in Settings.model_fields.values()]
    ours += [f"TRADINGKB_{name}" for name in Settings.model_fields]
    others = ["PATH", "HOME", "POSTGRES_USER", "PGPASSWORD", "COMPOSE_PROJECT_NAME"]
    assert mistaken([*ours, *others, "QDRANT__SERVICE__API_KEY", "QDRANT__LOG_LEVEL"]) == {}


def test_what_compose_reads_is_known() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    told = re.findall(r"^#?([A-Z][A-Z_]+)=", example, re.MULTILINE)
    asked = re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text("utf-8"))
    assert mistaken([*told, *asked]) == {}
    assert {*told, *asked} >= OF_COMPOSE


def test_where_a_place_is_named_its_own_settings_alone_may_not_be_misspelt() -> None:
    """Settings of others are not read there, and Ollama has variables of its own."""
    place = ("database_url", "qdrant_url", "ollama_host")
    fine = ["REDIS_URI", "ADMIN_TOKN", "OLLAMA_MODELS", "POSTGRES_PASSWORD", "TRADINGKB_TOP_K"]
    assert misplaced(fine, place) == {}
    assert misplaced(["DATABSE_URL"], place) == {"DATABSE_URL": "DATABASE_URL"}
    assert misplaced(["QDRANT_PLACE", "OLLAMA_HOSTS"], place) == {
        "QDRANT_PLACE": None,
        "OLLAMA_HOSTS": "OLLAMA_HOST",
    }
