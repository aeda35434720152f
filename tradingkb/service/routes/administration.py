"""What administrators do: ingest, embed anew, change what counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Path, Request, Response

from tradingkb.importers import Const, const
from tradingkb.service.arriving import JsonBody
from tradingkb.service.bars import bounded, few_cells
from tradingkb.service.bodies import (
    CurateBody,
    CurateManyBody,
    IngestBody,
    ReembedBody,
    parsed,
)
from tradingkb.service.documents import documented
from tradingkb.service.encoding import ingest_response, json_response, report_response
from tradingkb.service.forms import JOB, REPORT
from tradingkb.service.gate import admitted, known_query, require_admin
from tradingkb.service.problems import ProblemError
from tradingkb.service.routes.naming import By, trial_named
from tradingkb.service.state import asked_of, service_of

router = APIRouter(
    tags=["administration"], dependencies=[Depends(require_admin), Depends(known_query)]
)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        description="Asked for twice under one key, it is one job.",
    ),
]
Name = Annotated[str, Path(min_length=1, max_length=255)]
#: Who does it where the request does not say.
_ACTOR: Final = "http"


@router.post("/kb/trials/ingest", **documented(REPORT, request=IngestBody, also={202: JOB}))
async def ingest(
    request: Request, arrived: JsonBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Take trials in, or index everything that is stored; safe to repeat."""
    work = partial(_ingest, request, arrived.json, idempotency_key)
    return await to_thread.run_sync(work, limiter=request.app.state.ingests)


def _ingest(request: Request, raw: bytes, key: str | None) -> Response:
    body = parsed(IngestBody, raw)
    service = service_of(request)
    with admitted(request, body.workspace_id):
        if body.background:
            return _in_background(request, body, key)
        if key is not None:
            raise ProblemError(
                422,
                "invalid_header",
                "Idempotency-Key is for work in the background; this one is safe to repeat without",
                remedy="leave it out, or send background",
                field="Idempotency-Key",
            )
        if body.trials is not None:
            bounded(len(body.trials), service.settings.max_rows, "trials")
            few_cells(body.trials, "trials")
        mapping: dict[str, str | Const] = {**(body.mapping or {})}
        mapping |= {name: const(value) for name, value in (body.constants or {}).items()}
        report = service.kb.ingest(
            body.trials,
            body.workspace_id,
            mapping=mapping or None,
            dry_run=body.dry_run,
            strict=body.strict,
            readmit=body.readmit,
            replace=body.replace,
        )
    return ingest_response(report)


def _in_background(request: Request, body: IngestBody, key: str | None) -> Response:
    given = body.model_fields_set - {"workspace_id", "background"}
    if given:
        raise ProblemError(
            422,
            "invalid_body",
            "in the background everything that is stored is indexed, and nothing else",
            remedy=f"leave out {', '.join(sorted(given))}, or background",
            field="background",
        )
    return _submitted(request, "ingest", body.workspace_id, {}, key)


@router.post("/kb/reembed", status_code=202, **documented(JOB, request=ReembedBody, status=202))
def reembed(
    request: Request, arrived: JsonBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Embed every eligible trial anew; answers at once with the job that does it."""
    body = parsed(ReembedBody, arrived.json)
    with admitted(request, body.workspace_id):
        arguments = body.model_dump(exclude={"workspace_id"}, exclude_none=True)
        return _submitted(request, "reembed", body.workspace_id, arguments, idempotency_key)


def _submitted(
    request: Request, kind: str, workspace: str, arguments: dict[str, Any], key: str | None
) -> Response:
    job = service_of(request).kb.submit_job(
        kind,
        workspace,
        arguments,
        idempotency_key=key,
        actor=_ACTOR,
        request_id=asked_of(request).request_id,
    )
    return json_response(job.to_dict(), 202, {"Location": f"/kb/jobs/{job.job_id}"})


@router.post("/kb/jobs/{job_id}/cancel", **documented(JOB))
def cancel_job(request: Request, job_id: str) -> Response:
    """Cancel a job: a waiting one at once, a running one at its next step."""
    return json_response(service_of(request).kb.cancel_job(job_id).to_dict())


@router.post("/kb/trials/{trial_id:path}/promote", **documented(REPORT, request=CurateBody))
def promote(request: Request, trial_id: Name, arrived: JsonBody, by: By = "trial_id") -> Response:
    """Promote a trial: it wins ties. Restoring a rejected one needs a reason."""
    return _curated(request, "promote", trial_named(trial_id, by), arrived.json)


@router.post("/kb/trials/{trial_id:path}/reject", **documented(REPORT, request=CurateBody))
def reject(request: Request, trial_id: Name, arrived: JsonBody, by: By = "trial_id") -> Response:
    """Reject a trial: from now on it is never recommended. Needs a reason."""
    return _curated(request, "reject", trial_named(trial_id, by), arrived.json)


@router.post("/kb/trials/{trial_id:path}/archive", **documented(REPORT, request=CurateBody))
def archive(request: Request, trial_id: Name, arrived: JsonBody, by: By = "trial_id") -> Response:
    """Take a trial out of the index until it is ingested again."""
    return _curated(request, "archive", trial_named(trial_id, by), arrived.json)


@router.post("/kb/trials/curate", **documented(REPORT, request=CurateManyBody))
def curate(request: Request, arrived: JsonBody) -> Response:
    """Promote, reject or archive many trials at once: all of them, or none."""
    body = parsed(CurateManyBody, arrived.json)
    return _changed(request, body.action, body.trials, body)


def _curated(request: Request, action: str, trial: int | str, raw: bytes) -> Response:
    return _changed(request, action, [trial], parsed(CurateBody, raw))


def _changed(
    request: Request, action: str, trials: Sequence[int | str], body: CurateBody
) -> Response:
    kb = service_of(request).kb
    with admitted(request, body.workspace_id):
        report = getattr(kb, action)(
            trials,
            workspace=body.workspace_id,
            reason=body.reason,
            actor=body.actor or _ACTOR,
            dry_run=body.dry_run,
        )
    return report_response(report)
