"""Bad texts are found by halves, and what is good is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.embedding.halving import Floats, RefusedTextsError, in_halves, unit_vectors


class Model:
    """Makes (n, 1) of the text "n", and fails where one of its bad texts is asked for."""

    def __init__(self, bad: set[str]) -> None:
        self.bad = bad
        self.n_asked = 0

    def __call__(self, texts: Sequence[str]) -> Floats:
        self.n_asked += 1
        if self.bad & set(texts):
            raise RefusedTextsError(f"bad: {min(self.bad & set(texts))}")
        return np.array([[float(text), 1.0] for text in texts])


@given(st.integers(1, 40), st.data())
def test_the_bad_texts_are_named_and_the_others_have_their_vectors(
    n: int, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.integers(0, n - 1)))
    vectors, refused = in_halves([str(i) for i in range(n)], Model({str(i) for i in bad}))
    assert refused == {i: f"bad: {i}" for i in bad}
    good = [i for i in range(n) if i not in bad]
    assert len(vectors) == len(good)
    assert [row[0] for row in vectors.tolist()] == good


def test_one_bad_text_of_32_costs_ten_requests_more() -> None:
    model = Model({"17"})
    in_halves([str(i) for i in range(32)], model)
    assert model.n_asked == 11


def test_what_refuses_every_text_is_found_out_before_any_half_is_asked_for() -> None:
    model = Model({str(i) for i in range(32)})

    def check(why: str) -> None:
        raise LookupError(why)

    with pytest.raises(LookupError, match="bad: 0"):
        in_halves([str(i) for i in range(32)], model, check)
    assert model.n_asked == 1


def test_vectors_get_length_1() -> None:
    found = unit_vectors([[3.0, 4.0], [0.0, 2.0]], 2)
    assert found.tolist() == [[0.6, 0.8], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([[1.0, 0.0]], "made 1 vectors of 2 texts"),
        ([], "made 0 vectors of 2 texts"),
        ([[1.0, 0.0]] * 3, "made 3 vectors of 2 texts"),
        ([[1.0, 0.0], [1.0]], "differ in dimension"),
        ([[1.0, 0.0], [1.0, float("nan")]], "NaN"),
        ([[1.0, 0.0], [1.0, float("inf")]], "infinite"),
        ([[1.0, 0.0], [0.0, 0.0]], "zero"),
        ([[], []], "zero"),
    ],
)
def test_an_answer_that_is_no_vector_per_text_is_refused(
    answer: list[list[float]], why: str
) -> None:
    with pytest.raises(RefusedTextsError, match=why):
        unit_vectors(answer, 2)
