"""Finding the texts that a model makes no vectors of: one of them fails its whole request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class RefusedTextsError(Exception):
    """These texts together got no vectors that can be used; fewer of them may."""


def in_halves(
    texts: Sequence[str],
    ask: Callable[[Sequence[str]], Floats],
    check: Callable[[str], object] = lambda _: None,
) -> tuple[Floats, dict[int, str]]:
    """Vectors of all texts of which there are some, and why there are none of the others.

    A request that is refused is asked again in two halves, down to single texts: one bad text of n
    costs about 2 log2(n) requests more.

    Args:
        texts: at least one.
        ask: vectors, shape (n, dimension), of n texts; raises RefusedTextsError.
        check: told why all of them are refused, before any half is asked for: where no text is at
            fault it raises, since to name n bad texts takes 2 n requests.

    Returns:
        Vectors of the texts that are not refused, in order; reasons by place.
    """
    try:
        return ask(texts), {}
    except RefusedTextsError as error:
        check(str(error))
        if len(texts) == 1:
            return np.zeros((0, 0)), {0: str(error)}
    middle = len(texts) // 2
    first, refused = in_halves(texts[:middle], ask)
    second, others = in_halves(texts[middle:], ask)
    some = [found for found in (first, second) if len(found)]
    refused.update({middle + place: why for place, why in others.items()})
    return np.vstack(some) if some else first, refused


def unit_vectors(answer: Sequence[Sequence[float]], n: int) -> Floats:
    """An answer's vectors, shape (n, dimension), each of length 1.

    Raises:
        RefusedTextsError: there are not n of them, or one has no direction: NaN, infinite or zero.
    """
    if len(answer) != n:
        raise RefusedTextsError(f"the server made {len(answer)} vectors of {n} texts")
    if len({len(vector) for vector in answer}) != 1:
        raise RefusedTextsError("the server's vectors differ in dimension")
    found = np.array(answer, dtype=np.float64)
    if not np.isfinite(found).all():
        raise RefusedTextsError("the server's vector has a NaN or an infinite number")
    length = np.linalg.norm(found, axis=1, keepdims=True)
    if not (length > 0).all():
        raise RefusedTextsError("the server's vector is zero")
    return np.asarray(found / length)
