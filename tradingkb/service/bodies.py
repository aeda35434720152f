"""What requests say: checked once, every mistake named by its field and row."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Final, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tradingkb.service.problems import ProblemError

_Body = TypeVar("_Body", bound=BaseModel)
#: Fields whose entries are rows, which messages count from 1.
_ROWS: Final = frozenset({"trials", "ohlcv", "own_trials"})

Name = Annotated[str, Field(min_length=1, max_length=255)]
Workspace = Annotated[str, Field(min_length=1, max_length=64)]
Row = dict[str, Any]


class Body(BaseModel):
    """A request's body: nothing in it is ignored, and no number is guessed from a text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class InWorkspace(Body):
    """Of one workspace."""

    workspace_id: Workspace = Field("default", description="Id (UUID) or slug of the workspace.")


class RecommendBody(InWorkspace):
    """A question; what is left out is as in `kb.recommend`."""

    strategy_name: Name = Field(description="Which strategy.")
    objective_type: Name = Field("sharpe", description="What its parameters are to be good at.")
    ohlcv: list[Row] | dict[str, list[Any]] | None = Field(
        None, description="Price bars up to now: rows {ts, open, high, low, close}, or columns."
    )
    regime: Row | list[str] | None = Field(
        None, description="Instead of bars: features with values, or tags, that are expected."
    )
    symbol: Name | None = Field(None, description="The instrument.")
    timeframe: Name | None = Field(None, description="Its timeframe, such as 5m, 1h, 1d.")
    own_trials: list[Row] | None = Field(
        None, description="In-sample results of one's own current tuning."
    )
    as_of: Name | None = Field(None, description="Answer with what was knowable then (ISO 8601).")
    require_oos: bool | None = Field(None, description="Nominate only trials with OOS results.")
    max_drawdown: float | None = Field(None, ge=0, description="Largest drawdown, a fraction.")
    min_trades: int | None = Field(
        None, ge=0, le=2**31 - 1, description="Fewest trades of a nomination."
    )
    max_overfit_gap: float | None = Field(None, ge=0, description="Largest IS - OOS Sharpe gap.")
    regime_tags: list[str] | None = Field(None, description="Nominate only from such regimes.")
    min_deflated_sharpe: float | None = Field(None, ge=0, le=1, description="A limit on luck.")
    max_pbo: float | None = Field(None, ge=0, le=1, description="A limit on luck.")
    strategy_version: Name | None = Field(None, description="Whose evidence.")
    deadline_s: float | None = Field(
        None, gt=0, description="Seconds after which no answer is wanted; at most the service's."
    )
    source: Literal["http", "dashboard", "runbook", "probe"] = Field(
        "http", description="Who asks; probes are left out of the rates."
    )


class IngestBody(InWorkspace):
    """Trials to take in, or none to index what is stored."""

    trials: list[Row] | None = Field(
        None, description="Rows as of `kb.ingest`; none: index everything that is stored."
    )
    mapping: dict[str, str] | None = Field(None, description="Canonical column to column.")
    constants: Row | None = Field(None, description="Canonical column to one value of all rows.")
    dry_run: bool = Field(False, description="Say what would happen, write nothing.")
    strict: bool = Field(False, description="Refuse all when one row is bad.")
    readmit: bool = Field(False, description="Take rows in that equal withdrawn trials.")
    replace: bool = Field(False, description="Take rows whose id is another experiment's.")
    background: bool = Field(
        False, description="Answer with a job at once; for what is stored, not for rows."
    )


class ReembedBody(InWorkspace):
    """What to embed anew, by which model, into which collection."""

    target_model: Name | None = Field(None, description="Default: the active model.")
    target_collection: Name | None = Field(None, description="Default: the active one.")
    restart: bool = Field(False, description="Begin anew instead of resuming.")


class CurateBody(InWorkspace):
    """Who changes a trial's standing, and why."""

    reason: Name | None = Field(None, description="Needed to reject and to restore.")
    actor: Name | None = Field(None, description="Who does it; default: the service.")
    dry_run: bool = Field(False, description="Say what would change, write nothing.")


class CurateManyBody(CurateBody):
    """What is done to which trials: to all of them, or to none."""

    action: Literal["promote", "reject", "archive"] = Field(description="What is done.")
    trials: list[Annotated[int, Field(ge=0, lt=2**63)]] = Field(
        min_length=1, max_length=10_000, description="Numbers of trials (trial_id)."
    )


class RegimeBody(InWorkspace):
    """Bars whose regime is measured."""

    ohlcv: list[Row] | dict[str, list[Any]] | None = Field(
        None, description="Price bars up to now: rows {ts, open, high, low, close}, or columns."
    )
    symbol: Name | None = Field(None, description="The instrument.")
    timeframe: Name | None = Field(None, description="Its timeframe, such as 5m, 1h, 1d.")


class RunbookBody(Body):
    """What a runbook is run with."""

    parameters: dict[Name, str | int | float | bool | None] = Field(
        {}, description="Values by name; workspace is one of them, and the rest have defaults."
    )
    dry_run: bool = Field(True, description="Say what would be done, and change nothing.")
    actor: Name | None = Field(None, description="Who asks for it; default: the service.")


def parsed(kind: type[_Body], raw: bytes) -> _Body:
    """The body of a request.

    Raises:
        ProblemError: it is empty or no JSON (400), or says something that cannot be used (422).
    """
    if not raw.strip():
        raise ProblemError(
            400, "empty_body", "the request has no body", remedy="send a JSON object", field="body"
        )
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ProblemError(
            400,
            "no_json",
            f"the body is no JSON: {error}",
            remedy="send one JSON object in UTF-8; NaN and Infinity are none of its values",
            field="body",
        ) from None
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise _refused(kind, error) from None


def _refused(kind: type[BaseModel], error: ValidationError) -> ProblemError:
    """The first mistake: of several forms that a field may have, the one that came closest."""
    first = max(error.errors(include_url=False), key=lambda e: (e["loc"][:1] == (), len(e["loc"])))
    place = [part for part in first["loc"] if isinstance(part, int) or part in _names(kind)]
    name = str(first["loc"][0]) if first["loc"] else "body"
    row = place[1] + 1 if len(place) > 1 and name in _ROWS and isinstance(place[1], int) else None
    message, remedy = str(first["msg"]), _meaning(kind, name)
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, kind.model_fields, n=2)
        message = f"{name[:80]!r} is no field of this request"
        remedy = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"its fields are {', '.join(kind.model_fields)}"
        )
    elif first["type"] == "missing":
        message, remedy = f"{name} is missing", _meaning(kind, name)
    return ProblemError(422, "invalid_body", message, remedy=remedy, field=name[:80], row=row)


def _meaning(kind: type[BaseModel], name: str) -> str:
    """What to give: the meaning of a field."""
    field = kind.model_fields.get(name)
    return "send one JSON object" if field is None else f"{name} is: {field.description}"


def _names(kind: type[BaseModel]) -> set[str]:
    return set(kind.model_fields)
