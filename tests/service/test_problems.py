"""What goes wrong, over HTTP: a status per error, a remedy, and nothing of the machine."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.errors import kinds, made
from tradingkb.cli.output import EXIT_CODES
from tradingkb.exceptions import (
    BackendUnavailableError,
    CircuitOpenError,
    ConfigurationError,
    InvalidTrialError,
    UnknownStrategyError,
    code_of,
)
from tradingkb.masking import LONGEST, anonymous
from tradingkb.service import STATUSES
from tradingkb.service.problems import ProblemError, problem_of, status_of

#: The whole contract, by itself: error, HTTP status, exit code.
CONTRACT = {
    "TradingKBError": (500, 1),
    "InvalidInputError": (422, 2),
    "InvalidTrialError": (422, 2),
    "InvalidOHLCVError": (422, 2),
    "InvalidRegimeError": (422, 2),
    "InvalidSpecError": (422, 2),
    "InvalidBackupError": (422, 2),
    "NotFoundError": (404, 2),
    "UnknownStrategyError": (404, 2),
    "UnknownObjectiveError": (404, 2),
    "UnknownWorkspaceError": (404, 2),
    "ConfigurationError": (500, 3),
    "StoreTooNewError": (500, 3),
    "StoreDamagedError": (500, 3),
    "DiskFullError": (507, 3),
    "ForkedError": (500, 3),
    "UnembeddableError": (500, 3),
    "BackendUnavailableError": (503, 4),
    "CircuitOpenError": (500, 4),
    "NotReadyError": (409, 4),
    "DeadlineExceededError": (504, 4),
    "WorkspaceBusyError": (409, 4),
    "EmptyCollectionError": (409, 4),
}


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda k: k.__name__)
def test_every_error_of_the_tree_has_its_status_and_its_exit_code(kind):
    exit_code = next(code for base, code in EXIT_CODES if issubclass(kind, base))
    assert (status_of(made(kind)), exit_code) == CONTRACT[kind.__name__]


def test_the_table_of_statuses_is_read_from_the_special_to_the_general():
    for place, (kind, _) in enumerate(STATUSES):
        assert not any(issubclass(kind, earlier) for earlier, _ in STATUSES[:place])


def test_every_error_has_a_code_of_its_own():
    codes = [code_of(made(kind)) for kind in kinds()]
    assert len(set(codes)) == len(codes)
    assert code_of(made(UnknownStrategyError)) == "unknown_strategy"


def test_an_open_circuit_says_so_and_when_it_is_tried_again():
    problem = problem_of(CircuitOpenError("db", 12.2, "connection refused"))
    assert problem.status == 500
    assert "circuit breaker is open" in problem.detail
    assert problem.header_fields() == {"Retry-After": "13"}


def test_a_problem_names_field_row_and_remedy():
    error = InvalidTrialError("it is no number", field="sharpe_oos", row=3, remedy="give a number")
    assert orjson.loads(problem_of(error).body("r1")) == {
        "type": "urn:tradingkb:problem:invalid_trial",
        "title": "The input cannot be used",
        "status": 422,
        "detail": "it is no number",
        "code": "invalid_trial",
        "remedy": "give a number",
        "request_id": "r1",
        "field": "sharpe_oos",
        "row": 3,
    }


def test_what_nobody_foresaw_says_nothing_of_itself():
    problem = problem_of(RuntimeError("password=hunter2 in /srv/app/secret.py"))
    text = problem.body("r1").decode()
    assert problem.status == 500
    assert "hunter2" not in text
    assert "/srv" not in text
    assert "r1" in text


@pytest.mark.parametrize(
    "text",
    [
        "the database postgresql://ada:s3cret@db.internal:5432/kb did not answer",
        "sqlite:////srv/kb/tradingkb.db is not a tradingkb store",
        "the store's folder /home/ada/.tradingkb cannot be created",
        "connection to 10.0.0.7:6333 refused",
        "connection to qdrant.internal:6333 refused",
        "cannot open C:\\Users\\ada\\kb.db",
        "see ~/kb/tradingkb.db and ../other/kb.db",
        "cannot open /kb.db",
        "failed to resolve host 'pg.secret.internal' for user \"ada\"",
        'connection to server at "db.internal", port 5432 failed: FATAL: database "ada" is gone',
    ],
)
def test_no_url_path_or_host_leaves_the_machine(text):
    shown = (
        problem_of(ConfigurationError(text)).detail
        + problem_of(BackendUnavailableError(text)).detail
    )
    for secret in (
        "s3cret",
        "ada",
        "/srv",
        "10.0.0.7",
        "internal",
        "Users",
        "other",
        "tradingkb.db",
    ):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "fast < slow and/or slow < 200",
        "give 1/2, 0.25 or 12:30",
        "use kb.strategies(workspace='a')",
        "unknown symbol 'BTC/USDT:USDT'",
    ],
)
def test_what_only_looks_like_a_path_stays(text):
    assert "<" not in anonymous(text).replace("fast < slow", "").replace("slow < 200", "")


@pytest.mark.parametrize("part", ["a.", "a", "/", "a:", "/a", "http", "1."])
def test_a_message_of_any_length_and_form_is_looked_at_in_no_time(part):
    looked_at = anonymous(part * 1_000_000)
    assert len(looked_at) <= LONGEST + len("...") + 100


@given(st.text(), st.text(max_size=40), st.one_of(st.none(), st.integers(1, 10**9)))
def test_any_message_makes_a_document_of_utf_8(message, field, row):
    error = InvalidTrialError(message, field=field, row=row, remedy=message)
    found = orjson.loads(problem_of(error).body("r"))
    assert found["status"] == 422
    assert isinstance(found["detail"], str)


def test_a_problem_may_pass_through_contexts_like_any_exception():
    from contextlib import contextmanager

    @contextmanager
    def around():
        yield

    with pytest.raises(ProblemError), around():
        raise ProblemError(400, "x", "y")
