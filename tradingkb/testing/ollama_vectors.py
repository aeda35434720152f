"""Texts to vectors without a language model, for the server of `tradingkb.testing.ollama_server`.

`understood` is a model that reads well: texts that say nearly the same of a market get near
vectors. A number is an angle in a plane that the words before it choose, so that 0.21 is nearer to
0.2 than 0.9 is; another phrase has a direction, the same in every text. `random` is a model that
understands nothing: equal texts have equal vectors, and no others are near. Both are the same on
every machine.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: From a text and a dimension to a vector of any length.
Model = Callable[[str, int], Floats]

_NUMBER: Final = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[A-Za-z]{1,4}|\d|[^\w\s]|_")
#: How much of a feature is one step: about its robust deviation over windows of stocks. Logarithms
#: of those that are positive and heavy-tailed; of an unknown number the step is half its size.
_STEPS: Final[Mapping[str, float]] = {
    "efficiency_ratio": 0.074,
    "efficiency_ratio_20": 0.05,
    "trend_strength": 0.38,
    "trend_direction": 0.51,
    "drift": 0.95,
    "zscore": 1.56,
    "rsi": 12.0,
    "adx": 5.5,
    "autocorrelation_1": 0.077,
    "max_drawdown_frac": 0.117,
    "range_position": 0.34,
}
_STEP_ANGLE: Final = math.pi / 6
#: A phrase weighs less than a number: tags repeat what numbers say.
_PHRASE: Final = 0.3


def understood(text: str, dimension: int) -> Floats:
    """A vector in which each number and each phrase of the text has its part."""
    vector = np.zeros(dimension)
    for key, number in facts(text):
        if number is None:
            vector += _PHRASE * _direction(key, dimension)
        else:
            angle = _steps(key.rpartition("|")[2], number) * _STEP_ANGLE
            vector += math.cos(angle) * _direction(f"{key} cos", dimension)
            vector += math.sin(angle) * _direction(f"{key} sin", dimension)
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


def facts(text: str) -> Iterator[tuple[str, float | None]]:
    """(section and name, number) of each number, and (section and phrase, None) of others.

    A line "section: a 1, b 2; some words" has its section in every key; what stands before a
    section is a prompt, and counts for nothing. What stands before a number and after the mark
    before it is its name.
    """
    for line in text.splitlines():
        section, _, said = line.rpartition(": ")
        section = section.rpartition(":")[2].strip()
        for clause in re.split(r"[,;.](?:\s+|$)", said):
            number = _NUMBER.search(clause)
            if number is not None:
                yield f"{section}|{clause[: number.start()].strip()}", float(number[0])
            elif clause.strip():
                yield f"{section}|{clause.strip()}", None


def _steps(name: str, number: float) -> float:
    if name in _STEPS:
        return number / _STEPS[name]
    return math.copysign(math.log(max(abs(number), 1e-9)) / 0.5, 1)


@functools.lru_cache(maxsize=4096)
def _direction(key: str, dimension: int) -> Floats:
    drawn = _drawn(key, dimension)
    return drawn / np.linalg.norm(drawn)


def _drawn(text: str, dimension: int) -> Floats:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(dimension)
