"""`make up` and `make down` with a docker that notes what it is asked; and the .env they make."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.deploy.composed import ROOT, environment, service
from tests.deploy.loopback import CLEAN
from tradingkb.settings import load_settings

#: Notes its words; the images that it builds are others each time that `built` is changed. As some
#: engines do, it keeps an image for its names alone, and gives each build another id.
DOCKER = """#!/bin/sh
echo "$*" >> "$NOTES/asked"
for last do :; done
case "$*" in
  "image inspect"*.Id*) date +%N ;;
  "image inspect"*) cat "$NOTES/image $last" ;;
  "image tag"*) cp "$NOTES/image $3" "$NOTES/image $last" ;;
  "image rm"*) rm "$NOTES/image $last" ;;
  "compose build"*)
    for name in tradingkb tradingkb-ops; do cp "$NOTES/built" "$NOTES/image $name:current"; done ;;
  info) [ ! -f "$NOTES/no-engine" ] ;;
  "compose version") [ ! -f "$NOTES/no-compose" ] ;;
  *) true ;;
esac
"""


BUILD = "compose build trading-rag-svc ops"
UP = "compose up --detach --no-build --wait --wait-timeout 300"


class Place:
    """A clone with a docker of its own."""

    def __init__(self, folder: Path) -> None:
        self.root, self.notes = folder / "clone", folder / "notes"
        (self.root / ".ci").mkdir(parents=True)
        shutil.copy(ROOT / ".ci" / "compose", self.root / ".ci")
        shutil.copy(ROOT / ".env.example", self.root)
        self.notes.mkdir()
        (self.notes / "built").write_text("sha256:1")
        self.programs = folder / "programs"
        self.programs.mkdir()
        docker = self.programs / "docker"
        docker.write_text(DOCKER)
        docker.chmod(0o755)
        self.env = self.root / ".env"

    def run(
        self, verb: str = "up", status: int = 0, variables: Mapping[str, str] | None = None
    ) -> str:
        """What it says, to a shell that has set some variables."""
        done = subprocess.run(
            [str(self.root / ".ci" / "compose"), verb],
            env={
                "PATH": f"{self.programs}:/usr/bin:/bin",
                "NOTES": str(self.notes),
                **(variables or {}),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def asked(self) -> list[str]:
        """What docker was asked, but for the looks at what there is."""
        file = self.notes / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith(("info", "compose v", "image "))]

    def images(self) -> dict[str, str]:
        """What the engine has, by name."""
        files = self.notes.glob("image *")
        return {file.name.removeprefix("image "): file.read_text() for file in files}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def values(file: Path) -> Mapping[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", file.read_text(), re.MULTILINE))


def test_the_first_start_makes_passwords_that_only_its_owner_and_its_group_can_read(place: Place):
    place.run()
    found = values(place.env)
    secrets = [found[f"{name}"] for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "ADMIN_TOKEN")]
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in secrets)
    assert len(set(secrets)) == 3
    assert stat.S_IMODE(place.env.stat().st_mode) == 0o640
    assert found["TRADINGKB_ENV_GID"] == str(place.env.stat().st_gid)
    assert service("trading-rag-svc", found)["group_add"] == [found["TRADINGKB_ENV_GID"]]
    assert sorted(path.name for path in place.root.iterdir()) == [".ci", ".env", ".env.example"]


def test_what_is_there_is_never_changed(place: Place):
    place.env.write_text("# mine\nADMIN_TOKEN='my own'\nREDIS_PASSWORD=\nEMBED_MODEL=m\n")
    place.run()
    first = place.env.read_text()
    assert first.startswith("# mine\nADMIN_TOKEN='my own'\nREDIS_PASSWORD=")
    assert values(place.env)["EMBED_MODEL"] == "m"
    assert len(values(place.env)["POSTGRES_PASSWORD"]) == 48
    place.run()
    assert place.env.read_text() == first


def test_two_clones_have_different_passwords(tmp_path: Path):
    places = [Place(tmp_path / name) for name in "ab"]
    for one in places:
        one.run()
    first, second = (values(one.env) for one in places)
    assert first["POSTGRES_PASSWORD"] != second["POSTGRES_PASSWORD"]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("docker", "docker is missing: install Docker Engine"),
        ("no-compose", "docker has no compose plugin"),
        ("no-engine", "the Docker engine does not answer"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_written(place: Place, missing: str, said: str):
    if missing == "docker":
        (place.programs / "docker").unlink()
        if any((Path(folder) / "docker").exists() for folder in ("/usr/bin", "/bin")):
            pytest.skip("THE ABSENCE OF DOCKER IS NOT TRIED: it is in /usr/bin")
    else:
        (place.notes / missing).touch()
    assert said in place.run(status=1)
    assert not place.env.exists()


def test_a_folder_in_place_of_the_file_of_settings_is_explained(place: Place):
    place.env.mkdir()
    assert ".env is a folder" in place.run(status=1)


def test_images_that_new_ones_take_the_place_of_are_kept_for_the_way_back(place: Place):
    place.run()
    first = {"tradingkb:current": "sha256:1", "tradingkb-ops:current": "sha256:1"}
    assert place.images() == first
    place.run()  # the same source: the same images, and nothing to go back to
    assert place.images() == first
    (place.notes / "built").write_text("sha256:2")
    assert "tradingkb:previous" in place.run()
    # The operator's shell goes back with the service: else it is built anew, of the new source.
    assert place.images() == {
        "tradingkb:current": "sha256:2",
        "tradingkb-ops:current": "sha256:2",
        "tradingkb:previous": "sha256:1",
        "tradingkb-ops:previous": "sha256:1",
    }
    assert place.asked() == [BUILD, UP] * 3


def test_after_the_way_back_nothing_is_built_under_the_old_name(place: Place):
    place.env.write_text("TRADINGKB_IMAGE_TAG=previous\n")
    assert "nothing is built" in place.run()
    assert not any(line.startswith("compose build") for line in place.asked())


def test_a_tag_of_the_shell_is_not_built_either(place: Place):
    """Compose gives the shell's word precedence: it would build this source as the one before."""
    said = place.run(variables={"TRADINGKB_IMAGE_TAG": "previous"})
    assert "nothing is built" in said
    assert place.asked() == [UP]


def test_down_takes_every_profile_along_and_leaves_the_volumes(place: Place):
    assert ".env is missing" in place.run("down", status=1)
    place.run()
    place.asked()
    place.run("down")
    assert place.asked() == ["compose --profile ops --profile monitoring down"]


# --- the settings of the service ------------------------------------------------------------------


def test_an_edit_of_the_file_of_settings_takes_effect_at_the_next_start(place: Place):
    """Step 5 of the rotation: edit .env, docker compose restart trading-rag-svc."""
    place.run()
    created = environment("trading-rag-svc", values(place.env))  # and kept until it is made anew
    with place.env.open("a", encoding="utf-8") as file:
        file.write("EMBED_MODEL=mxbai-embed-large\nEMBED_DIM=1024\n")
        file.write("QDRANT_COLLECTION_ACTIVE=kb_mxbai_embed_large_v1\nQDRANT_URL=http://other\n")
    done = subprocess.run(
        [sys.executable, "-m", "tradingkb", "config", "--json"],
        cwd=place.root,
        env={**CLEAN, **created, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {row["setting"]: (row["value"], row["source"]) for row in json.loads(done.stdout)}
    assert found["EMBED_MODEL"] == ("mxbai-embed-large", ".env")
    assert found["EMBED_DIM"] == (1024, ".env")
    assert found["QDRANT_COLLECTION_ACTIVE"] == ("kb_mxbai_embed_large_v1", ".env")
    # An address: compose.yaml hands it on, so it takes `docker compose up -d`.
    assert found["QDRANT_URL"] == ("http://qdrant:6333", "environment")


def test_what_make_up_has_written_is_read_by_the_service_as_compose_reads_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    place.run()
    with place.env.open("a", encoding="utf-8") as file:
        file.write("""WORKSPACE_TOKENS='{"desk": "a-long-secret"}'\n""")
    monkeypatch.chdir(place.root)
    for name in os.environ.keys() - CLEAN.keys():
        monkeypatch.delenv(name)
    settings = load_settings()
    assert settings.admin_token == values(place.env)["ADMIN_TOKEN"]
    assert settings.workspace_tokens == {"desk": "a-long-secret"}
