"""Keys, passwords and certificates of a Qdrant server: used, and never shown."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    TradingKBError,
)
from tradingkb.ports import VectorIndex
from tradingkb.testing.qdrant_server import QdrantServer
from tradingkb.testing.sample_points import EAST, points
from tradingkb.vectors import qdrant_index

KEY, READING = "k3y-s3cr3t", "r3ad-s3cr3t"
PASSWORD = "p4ssw0rd"


@pytest.fixture(scope="module")
def locked() -> Iterator[QdrantServer]:
    with QdrantServer(api_key=KEY, read_only_key=READING) as server:
        yield server


def filled(index: VectorIndex, name: str) -> None:
    index.drop(name)
    index.ensure_collection(name, 4)
    index.upsert(name, points((1, EAST, {})))


def test_the_key_opens_and_reaches_the_snapshot(locked: QdrantServer) -> None:
    index = qdrant_index(locked.url, KEY)
    filled(index, "kb")
    index.recover("kb", index.snapshot("kb").name, "kb_2")
    assert index.count("kb_2") == 1
    index.drop("kb_2")
    index.close()


@pytest.mark.parametrize(
    ("key", "writes"), [(None, False), ("wr0ng-s3cr3t", False), (READING, True)], ids=str
)
def test_another_key_is_refused_and_nothing_is_written(
    locked: QdrantServer, key: str | None, writes: bool
) -> None:
    full, other = qdrant_index(locked.url, KEY), qdrant_index(locked.url, key)
    filled(full, "kb")
    calls: list[Callable[[], Any]] = [
        lambda: other.delete("kb", ["1" * 32]),
        lambda: other.drop("kb"),
    ]
    if not writes:
        calls += [lambda: other.count("kb"), lambda: other.dimension("kb")]
    for call in calls:
        with pytest.raises(ConfigurationError, match="QDRANT_API_KEY") as raised:
            call()
        assert "s3cr3t" not in _everything(raised.value)
    assert full.count("kb") == 1
    full.close()
    other.close()


def test_a_password_of_the_address_is_shown_nowhere(locked: QdrantServer) -> None:
    url = locked.url.replace("//", f"//user:{PASSWORD}@")
    index = qdrant_index(url, KEY)
    filled(index, "kb")
    kept = index.snapshot("kb")
    locked.fail(400, path="/recover", body=_words(f"cannot read {url}/x"))
    with pytest.raises(ConfigurationError, match="reach itself") as raised:
        index.recover("kb", kept.name, "kb_3")
    locked.fail(503, body=_words(f"no route to {url}"))
    with pytest.raises(BackendUnavailableError, match="no route") as down:
        index.count("kb")
    for error in (raised.value, down.value):
        assert PASSWORD not in str(error)
        assert "s3cr3t" not in str(error)
    sent = [r.body for r in locked.requests if r.path.endswith("/recover")][-1]
    assert PASSWORD not in sent["location"]
    index.close()


def _words(text: str) -> bytes:
    return f'{{"status": {{"error": "{text}"}}}}'.encode()


def _everything(error: TradingKBError) -> str:
    cause = error.__cause__
    return f"{error} {error!r} {cause} {cause!r}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One that vouches for itself, of 127.0.0.1."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    command = [
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-days", "30", "-subj", "/CN=127.0.0.1", "-addext"),
        *("subjectAltName=IP:127.0.0.1", "-out", str(files[0]), "-keyout", str(files[1])),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return files


def test_a_server_with_a_certificate_of_ones_own_is_trusted_by_its_file(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with QdrantServer(api_key=KEY, certificate=certificate) as server:
        strange = qdrant_index(server.url, KEY)
        with pytest.raises(BackendUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            strange.count("kb")
        strange.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        index = qdrant_index(server.url, KEY)
        filled(index, "kb")
        index.recover("kb", index.snapshot("kb").name, "kb_2")
        assert index.count("kb_2") == 1
        index.close()
