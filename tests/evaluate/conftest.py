"""One evaluated store for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import tradingkb as tkb
from tests.evaluate.replayed_store import fill, trials
from tradingkb.evaluate.result import Evaluation


@pytest.fixture(scope="session")
def past_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the trials of `replayed_store`; copy it to change it."""
    home = tmp_path_factory.mktemp("past") / "home"
    with tkb.connect(home, progress=False) as kb:
        fill(kb, trials())
    return home


@pytest.fixture(scope="session")
def past(past_home: Path) -> Iterator[tkb.KnowledgeBase]:
    """The store itself, only to be read."""
    with tkb.connect(past_home, progress=False) as kb:
        yield kb


@pytest.fixture(scope="session")
def evaluation(past: tkb.KnowledgeBase) -> Evaluation:
    return past.evaluate()


@pytest.fixture
def past_copy(past_home: Path, tmp_path: Path) -> Iterator[tkb.KnowledgeBase]:
    """A copy that a test may change."""
    with tkb.connect(shutil.copytree(past_home, tmp_path / "copy"), progress=False) as kb:
        yield kb


@pytest.fixture(scope="session")
def calibrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of fifteen years whose confidence is calibrated; copy it to change it."""
    home = tmp_path_factory.mktemp("calibrated") / "home"
    with tkb.connect(home, progress=False) as kb:
        fill(kb, trials(30))
        kb.calibrate()
    return home


@pytest.fixture
def calibrated(calibrated_home: Path, tmp_path: Path) -> Iterator[tkb.KnowledgeBase]:
    """A copy of it that a test may change."""
    copy = shutil.copytree(calibrated_home, tmp_path / "calibrated")
    with tkb.connect(copy, progress=False) as kb:
        yield kb
