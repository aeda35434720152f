"""The body of a request as it arrives: bounded in size and in time, whoever sends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from tradingkb.service.bars import Upload
from tradingkb.service.problems import ProblemError
from tradingkb.service.state import service_of

_FORM: Final = "multipart/form-data"


@dataclass(frozen=True)
class Arrived:
    """What a request brought: JSON, and a file where there is one."""

    json: bytes
    upload: Upload | None = None


async def read_json(request: Request) -> Arrived:
    """The body of a request that brings JSON.

    Raises:
        ProblemError: it is too large (413), too slow (408), or of another type (415).
    """
    if not _is_json(_kind(request)):
        raise _unknown_type("application/json")
    return Arrived(await _all(request))


async def read_json_or_form(request: Request) -> Arrived:
    """The body of a request that may upload a file: fields `request` (JSON) and `ohlcv` (a file).

    Raises:
        ProblemError: as of `read_json`; a form that cannot be read (400).
    """
    kind = _kind(request)
    if kind != _FORM:
        if not _is_json(kind):
            raise _unknown_type(f"application/json or {_FORM}")
        return Arrived(await _all(request))
    raw = await _all(request)

    async def once() -> AsyncGenerator[bytes, None]:
        yield raw

    parser = MultiPartParser(
        request.headers, once(), max_files=1, max_fields=1, max_part_size=len(raw) + 1
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise ProblemError(
            400,
            "invalid_form",
            "the form cannot be read",
            remedy="send the fields request (JSON) and ohlcv (a .parquet or .csv file)",
            field="body",
        ) from None
    try:
        return await _of_form(form)
    finally:
        await form.close()


async def _of_form(form: FormData) -> Arrived:
    said, file = form.get("request"), form.get("ohlcv")
    if not isinstance(said, str) or not isinstance(file, UploadFile):
        raise ProblemError(
            422,
            "invalid_form",
            "the form lacks the field request (JSON), or the file ohlcv",
            remedy="curl -F 'request={\"strategy_name\": ...}' -F ohlcv=@AAPL_1d.parquet ...",
            field="request" if not isinstance(said, str) else "ohlcv",
        )
    return Arrived(said.encode(), Upload(file.filename or "", await file.read()))


async def _all(request: Request) -> bytes:
    settings = service_of(request).settings
    most = settings.max_body_bytes
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated[:20]) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
    except TimeoutError:
        raise ProblemError(
            408,
            "slow_body",
            f"the body did not arrive within {settings.body_timeout_s:g} s",
            remedy="send it faster, or send less",
            headers={"Connection": "close"},
        ) from None
    return b"".join(parts)


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()


def _is_json(kind: str) -> bool:
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))


def _unknown_type(wanted: str) -> ProblemError:
    return ProblemError(
        415,
        "unknown_content_type",
        "the body is of a type that is not read here",
        remedy=f"send Content-Type: {wanted}",
        field="Content-Type",
    )


def _too_large(most: int) -> ProblemError:
    return ProblemError(
        413,
        "body_too_large",
        f"the body has more than {most:,} bytes",
        remedy="send fewer rows; large files are ingested with the command line",
        field="body",
        headers={"Connection": "close"},
    )


JsonBody = Annotated[Arrived, Depends(read_json)]
JsonOrForm = Annotated[Arrived, Depends(read_json_or_form)]
