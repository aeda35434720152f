"""Times as users give them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from tradingkb.domain import as_moment
from tradingkb.exceptions import InvalidInputError

FIRST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spelling", "moment"),
    [
        (None, None),
        ("2020-01-01", FIRST),
        ("2020-01-01T00:00:00Z", FIRST),
        ("2020-01-01T02:00:00+02:00", FIRST),
        (date(2020, 1, 1), FIRST),
        (datetime(2020, 1, 1), FIRST),
        (FIRST, FIRST),
        (np.datetime64("2020-01-01"), FIRST),
    ],
)
def test_a_time_means_the_same_in_each_of_its_spellings(
    spelling: Any, moment: datetime | None
) -> None:
    assert as_moment(spelling) == moment


@pytest.mark.parametrize("wrong", ["", "soon", 5, "2020-13-01", True])
def test_what_is_no_time_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^as_of"):
        as_moment(wrong)


def test_an_error_names_the_field_that_the_time_was_given_for() -> None:
    with pytest.raises(InvalidInputError, match=r"^since"):
        as_moment("soon", "since")
