"""Every error of the tree comes back from a service as itself."""

from __future__ import annotations

import json

import pytest

from tests.service.errors import kinds, made
from tradingkb.client.failures import error_of
from tradingkb.exceptions import InvalidInputError, NotFoundError, TradingKBError
from tradingkb.service.problems import ProblemError, problem_of, status_of


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda k: k.__name__)
def test_an_error_that_a_service_tells_of_is_raised_again(kind: type[TradingKBError]) -> None:
    error = made(kind)
    problem = problem_of(error)
    found = error_of(status_of(error), said(problem), problem.retry_after_s)
    assert type(found) is kind
    assert str(found)
    if isinstance(error, InvalidInputError):
        assert isinstance(found, InvalidInputError)
        assert (found.message, found.row) == (problem.detail, error.row)
        assert found.remedy == problem.remedy
        assert problem.remedy
        assert problem.remedy in str(found)


def test_fields_have_the_names_that_methods_give_them() -> None:
    given = {"detail": "none", "code": "not_found"}
    for sent, meant in (("workspace_id", "workspace"), ("cursor", "after"), ("x", "x")):
        found = error_of(404, {**given, "field": sent}, None)
        assert isinstance(found, NotFoundError)
        assert (found.field, found.suggestions) == (meant, [])


def test_an_answer_that_says_nothing_is_told_by_its_status() -> None:
    assert "418" in str(error_of(418, {}, None))


def said(problem: ProblemError) -> dict[str, object]:
    found: dict[str, object] = json.loads(problem.body("an id"))
    return found
