"""Who may ask: tokens of administrators and workspaces, and how much at once."""

from __future__ import annotations

import difflib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from fastapi import Request

from tradingkb.exceptions import BackendUnavailableError, UnknownWorkspaceError
from tradingkb.limits import Admission, WorkspaceLimits
from tradingkb.service.problems import ProblemError
from tradingkb.service.state import Service, asked_of, service_of

#: Names whose ids are remembered.
_MOST_IDS: Final = 10_000


def require_admin(request: Request) -> None:
    """Lets administrators pass.

    Raises:
        ProblemError: there is no ADMIN_TOKEN (403), or X-Admin-Token is missing or another (401).
    """
    wanted = service_of(request).settings.admin_token
    if wanted is None:
        raise ProblemError(
            403,
            "admin_closed",
            "admin routes are closed",
            remedy="an operator has to set ADMIN_TOKEN and restart the service",
        )
    if not is_admin(request):
        raise ProblemError(
            401,
            "no_admin_token",
            "X-Admin-Token is missing or wrong",
            remedy="send the service's ADMIN_TOKEN as the header field X-Admin-Token",
            field="X-Admin-Token",
            headers={"WWW-Authenticate": "X-Admin-Token"},
        )


def require_token(request: Request) -> None:
    """Lets nobody without any token of a workspace have a body read or a store asked.

    Raises:
        ProblemError: tokens are set, and the request carries none of them (401).
    """
    tokens = service_of(request).settings.workspace_tokens
    if tokens and not is_admin(request):
        _owners(request, tokens)


def known_query(request: Request) -> None:
    """Lets nothing in a query be ignored.

    Raises:
        ProblemError: the route knows no such parameter (422); near names are suggested.
    """
    route = request.scope["route"]
    known = list(_parameters(route.dependant))
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2)
            listed = ", ".join(known) or "it has none"
            raise ProblemError(
                422,
                "invalid_query",
                f"{name[:80]!r} is no parameter of this request",
                remedy=f"did you mean {' or '.join(near)}?" if near else f"known: {listed}",
                field=name[:80],
            )


def _parameters(dependant: Any) -> Iterator[str]:
    """Names of all parameters of a query, those of dependencies too."""
    yield from (field.alias for field in dependant.query_params)
    for one in dependant.dependencies:
        yield from _parameters(one)


def is_admin(request: Request) -> bool:
    """Whether a request carries the token of administrators."""
    wanted = service_of(request).settings.admin_token
    return wanted is not None and _same(request.headers.get("x-admin-token"), wanted)


@contextmanager
def admitted(request: Request, name: str) -> Iterator[None]:
    """Lets a request to a workspace pass, as one of those that it may ask at once.

    Administrators are not held up: they have come to repair.

    Raises:
        ProblemError: the token of the workspace is missing (401) or another (403); too many (429);
            nobody knows how many (503).
        UnknownWorkspaceError: no such workspace.
    """
    with _admitted(request, service_of(request).limits, name):
        yield


@contextmanager
def reading(request: Request, name: str | None) -> Iterator[None]:
    """Lets a request for a list or a report pass; as `admitted`, but of a share of its own.

    Who looks at a dashboard must not use up what programs may ask: it asks for a dozen reports
    several times a minute, each of which takes a fraction of a question.

    It is never closed: RATE_LIMIT_FAIL=closed protects what programs may ask, and an operator
    needs the reports just when requests cannot be counted. They are counted in memory then.

    Args:
        request: which one.
        name: of the workspace; None for what is of the whole service, where any token will do.

    Raises:
        ProblemError: as `admitted`, but for the 503.
        UnknownWorkspaceError: no such workspace.
    """
    with _admitted(request, service_of(request).reading, name):
        yield


@contextmanager
def _admitted(request: Request, limits: WorkspaceLimits, name: str | None) -> Iterator[None]:
    service = service_of(request)
    if is_admin(request):
        service.kb  # noqa: B018 - says that it is not open yet
        yield
        return
    own = _asker(request, service) if name is None else _own_workspace(request, service, name)
    admission = limits.admit(own)
    asked_of(request).headers.update(admission.headers())
    if not admission.ok:
        raise _refusal(admission)
    try:
        yield
    finally:
        admission.release()


def _refusal(admission: Admission) -> ProblemError:
    if admission.violated is None:
        return ProblemError(
            503,
            "rate_limits_unavailable",
            "requests are not answered while they cannot be counted",
            remedy="wait as long as Retry-After says; GET /ready says what is missing",
        )
    return ProblemError(
        429,
        "too_many_requests",
        "the workspace asks more than its share",
        remedy="wait as long as Retry-After says, and ask less at once",
    )


def _asker(request: Request, service: Service) -> str:
    """Whose share a request counts in that is for no workspace."""
    service.kb  # noqa: B018 - says that it is not open yet
    tokens = service.settings.workspace_tokens
    if not tokens:
        return ""
    owner = min(_owners(request, tokens))
    try:  # by its id, as requests to it are counted, whichever of both the tokens name
        return _id_of(service, owner)
    except UnknownWorkspaceError:
        return owner  # its token is there before it is


def _id_of(service: Service, name: str) -> str:
    """The id of a workspace, looked up once; its name where the database does not answer.

    Whose share it is: what the name means now is looked up when it is answered.

    Raises:
        UnknownWorkspaceError: no such workspace.
    """
    if (known := service.ids.get(name)) is None:
        try:
            known = service.kb.use_cases.workspaces.find(name).id
        except BackendUnavailableError:
            return name  # what is wrong can be told without the database
        if known and len(service.ids) < _MOST_IDS:
            service.ids[name] = known
    return known


def owned(request: Request) -> set[str] | None:
    """The workspaces that a request may see, by slug or id; None for all."""
    tokens = service_of(request).settings.workspace_tokens
    return None if is_admin(request) or not tokens else _owners(request, tokens)


def _own_workspace(request: Request, service: Service, name: str) -> str:
    """The id of the workspace of that name, if the request may see it."""
    tokens = service.settings.workspace_tokens
    if not tokens:
        return _id_of(service, name)
    owners = _owners(request, tokens)
    try:
        workspace = service.kb.use_cases.workspaces.find(name)
        own = bool({workspace.id, workspace.slug} & owners)
    except BackendUnavailableError:
        if name in owners:
            return name
        raise
    except UnknownWorkspaceError:
        if name in owners:
            raise  # its token is there before it is
        own = False  # of one that does not exist nothing else is said than of another's
    if not own:
        raise ProblemError(
            403,
            "foreign_workspace",
            "the token is not that of this workspace",
            remedy="ask for the workspace that the token belongs to",
            field="workspace_id",
        )
    return workspace.id


def _owners(request: Request, tokens: Mapping[str, str]) -> set[str]:
    """The workspaces whose token a request carries."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    # Every token is compared, so that how long it takes tells nothing of them.
    owners = {owner for owner, wanted in tokens.items() if _same(token.strip(), wanted)}
    if kind.lower() != "bearer" or not owners:
        raise ProblemError(
            401,
            "no_workspace_token",
            "the token of the workspace is missing or wrong",
            remedy="send it as the header field Authorization: Bearer <token>",
            field="Authorization",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return owners


def _same(given: str | None, wanted: str) -> bool:
    return hmac.compare_digest((given or "").encode(), wanted.encode())
