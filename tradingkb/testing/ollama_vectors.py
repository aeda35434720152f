"""Texts to vectors without a language model, for the server of `tradingkb.testing.ollama_server`.

`understood` is a model that knows what the phrases of `tradingkb.domain` say of which feature, and
how much: texts of near markets get near vectors. Each feature of each side has two coordinates, the
cosine and the sine of an angle that the phrases choose; any other phrase has a direction of its
own, and prompts count for nothing. `random` is a model that understands nothing: equal texts have
equal vectors, and no others are near. Both are the same on every machine.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import WORDINGS

Floats = NDArray[np.float64]

_TOKEN: Final = re.compile(r"[A-Za-z]{1,4}|\d|[^\w\s]|_")
#: Phrases to the feature that each is about, and how far from what is usual it says that is.
_SAID: Final = {
    phrase: (place, grade)
    for place, wording in enumerate(WORDINGS.values())
    for phrase, grade in zip(wording.phrases, (-2, -1, 1, 2), strict=True)
}
_SIDES: Final = {"market before": 0, "market during": 1}
_USUAL: Final = "ordinary"
_STEP_ANGLE: Final = math.pi / 6


def understood(text: str, dimension: int) -> Floats:
    """A vector in which each feature that may be spoken of has its part."""
    vector = np.zeros(dimension)
    for section, phrases in sections(text):
        if section in _SIDES:
            for place, grade in enumerate(_grades(phrases)):
                start = 2 * (_SIDES[section] * len(WORDINGS) + place)
                vector[start % dimension] += math.cos(grade * _STEP_ANGLE)
                vector[(start + 1) % dimension] += math.sin(grade * _STEP_ANGLE)
        for phrase in phrases:
            if section not in _SIDES or phrase not in _SAID:
                vector += _direction(f"{section}|{phrase}", dimension)
    return vector if vector.any() else _direction("nothing", dimension)


def random(text: str, dimension: int) -> Floats:
    """A vector that says nothing but which text it is."""
    return _drawn(text, dimension)


def n_tokens(text: str) -> int:
    """About as many as a word-piece tokenizer makes of it: each digit is one."""
    return len(_TOKEN.findall(text))


def first_tokens(text: str, limit: int) -> str:
    """The text up to so many tokens."""
    found = list(_TOKEN.finditer(text))
    return text if len(found) <= limit else text[: found[limit - 1].end()]


def sections(text: str) -> list[tuple[str, list[str]]]:
    """The section and the phrases of each line "prompt: section: one phrase, another"."""
    found = []
    for line in text.splitlines():
        section, _, said = line.rpartition(": ")
        phrases = [phrase.strip() for phrase in said.split(",")]
        section = section.rpartition(":")[2].strip()
        found.append((section, [phrase for phrase in phrases if phrase not in ("", _USUAL)]))
    return found


def _grades(phrases: list[str]) -> list[int]:
    """How far each feature is from what is usual, by the strongest phrase about it."""
    grades = [0] * len(WORDINGS)
    for phrase in phrases:
        place, grade = _SAID.get(phrase, (0, 0))
        grades[place] = max(grades[place], grade, key=abs)
    return grades


@functools.lru_cache(maxsize=4096)
def _direction(key: str, dimension: int) -> Floats:
    drawn = _drawn(key, dimension)
    return drawn / np.linalg.norm(drawn)


def _drawn(text: str, dimension: int) -> Floats:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(dimension)
