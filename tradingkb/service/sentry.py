"""Sentry: a sample of `none` and `degraded` answers, and every error that nobody expected.

The client is our own, not the one of the process: nothing is patched, no log line and no request is
collected. What is sent holds no request, no body, no line of source, no local variable, no path and
no secret of the settings.
"""

from __future__ import annotations

import contextlib
import random as _random
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from tradingkb.exceptions import ConfigurationError, TradingKBError
from tradingkb.masking import masked
from tradingkb.observability import subscribe
from tradingkb.settings import is_address

if TYPE_CHECKING:
    from sentry_sdk import Client
    from sentry_sdk.transport import Transport

    from tradingkb.settings import Settings

#: Level of the message of a status; other statuses send none.
_LEVELS: Final = {"none": "warning", "degraded": "info"}
#: Tags from fields of `kb_recommend_complete`.
_TAGS: Final = {
    "kb_status": "status",
    "kb_confidence": "confidence",
    "strategy": "strategy",
    "workspace_id": "workspace_id",
    "embed_model": "embed_model",
    "collection": "collection",
    "objective": "objective",
}
#: Tags that are there only where they are true: `has:metadata_only` is asked for in Sentry.
_FLAGS: Final = ("strict_to_relaxed", "metadata_only", "repaired_params")
_CONTEXT: Final = ("request_id", "reasons", "warnings", "confidence_band", "replica", "total_ms")
#: What Sentry takes as the value of a tag.
_LONGEST_TAG: Final = 200
#: Parts of an event that are never sent; we set none of them, but the SDK may one day.
_UNSENT: Final = ("request", "user", "breadcrumbs", "modules", "extra")
#: Parts of a frame that are never sent: values of variables, and paths of the machine.
_UNSENT_OF_FRAMES: Final = ("vars", "abs_path")
#: Values of rows that drivers put into the text of an error.
_ROWS: Final = re.compile(r"\[parameters: .*|DETAIL: .*", re.DOTALL)
_SHORTEST_SECRET: Final = 4
_MASK: Final = "***"


class Sentry:
    """A connection to Sentry that is told of events and of errors."""

    def __init__(self, client: Client, sample_rate: float, random: Callable[[], float]) -> None:
        """Begins to listen to events.

        Args:
            client: which sends.
            sample_rate: share of `none` and `degraded` answers that are sent, 0 to 1.
            random: a number from 0 to below 1, for each of these.
        """
        self._client = client
        self._sample_rate = sample_rate
        self._random = random
        self._unsubscribe = subscribe(self.subscriber)

    def subscriber(self, event: str, fields: Mapping[str, Any]) -> None:
        """Sends a sample of the answers that somebody should look at; probes ask for nobody."""
        if event != "kb_recommend_complete" or fields["source"] == "probe":
            return
        if fields["status"] in _LEVELS and self._random() < self._sample_rate:
            self._client.capture_event(_message(fields))

    def unexpected(self, error: BaseException, request_id: str | None = None) -> None:
        """Sends an error that nobody expected.

        One that tradingkb raises on purpose says to its caller what to do, and metrics count it; so
        does one that stands for a response below 500. Both are left out.
        """
        if isinstance(error, TradingKBError) or getattr(error, "status_code", 500) < 500:
            return
        with contextlib.suppress(Exception):  # the caller has a response to give
            self._send(error, request_id)

    def _send(self, error: BaseException, request_id: str | None) -> None:
        from sentry_sdk.utils import event_from_exception

        event, hint = event_from_exception(error, client_options=self._client.options)
        event["contexts"] = {"tradingkb": {"request_id": request_id}}
        self._client.capture_event(event, hint)

    def end(self, timeout_s: float = 2.0) -> None:
        """Listens no more, and gives what is on its way some seconds to be sent."""
        self._unsubscribe()
        self._client.close(timeout=timeout_s)


def start_sentry(
    settings: Settings,
    *,
    version: str = "",
    transport: Transport | None = None,
    random: Callable[[], float] = _random.random,
) -> Sentry | None:
    """Connects to Sentry; None without SENTRY_DSN.

    Args:
        settings: DSN, sample rate, name of the replica; and the secrets that are never sent.
        version: the release.
        transport: sends envelopes; over HTTP unless given.
        random: draws the sample.

    Raises:
        ConfigurationError: SENTRY_DSN is none; it is not repeated.
    """
    if not settings.sentry_dsn:
        return None
    from sentry_sdk import Client
    from sentry_sdk.utils import BadDsn

    try:
        client = Client(
            dsn=settings.sentry_dsn,
            release=f"tradingkb@{version}",
            server_name=settings.replica,
            transport=transport,
            before_send=_scrubber(_secrets(settings)),
            include_local_variables=False,
            include_source_context=False,
            max_request_body_size="never",
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            enable_backpressure_handling=False,
            send_client_reports=False,
            propagate_traces=False,
            spotlight=False,
        )
    except BadDsn:
        raise ConfigurationError(
            "setting SENTRY_DSN: is no DSN, such as https://key@host/number; correct or unset it"
        ) from None
    return Sentry(client, settings.sentry_sample_rate, random)


def _message(fields: Mapping[str, Any]) -> Any:
    """The event of an answer; those of one status and strategy are one issue."""
    status, strategy = fields["status"], fields["strategy"]
    flags = {name: "true" for name in _FLAGS if fields[name]}
    return {
        "message": f"answered with status {status}",
        "level": _LEVELS[status],
        "logger": "tradingkb",
        "fingerprint": ["kb_recommend", status, strategy],
        "tags": {**{tag: _tag(fields[name]) for tag, name in _TAGS.items()}, **flags},
        "contexts": {"tradingkb": {name: fields[name] for name in _CONTEXT}},
    }


def _tag(value: Any) -> str:
    """Text that Sentry takes as a tag: short, of one line, not empty."""
    text = f"{value:.2f}" if isinstance(value, float) else str("none" if value is None else value)
    printed = "".join(c if c.isprintable() else " " for c in text).strip()
    return printed[:_LONGEST_TAG] or "none"


def _secrets(settings: Settings) -> list[str]:
    """Every secret of the settings: tokens, keys, and passwords of URLs; the longest first."""
    found: set[str] = set()
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if not field.repr:
            found |= set(value.values()) if isinstance(value, dict) else {value or ""}
        elif is_address(name) and value:
            found |= _passwords(value)
    return sorted((s for s in found if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)


def _passwords(url: str) -> set[str]:
    try:
        password = urlsplit(url if "://" in url else f"//{url}").password or ""
    except ValueError:
        return set()
    return {password, unquote(password)}


def _scrubber(secrets: list[str]) -> Callable[[Any, Any], Any]:
    """What an event passes before it is sent; an error in it sends nothing."""

    def text(value: str) -> str:
        for secret in secrets:
            value = value.replace(secret, _MASK)
        return _ROWS.sub(_MASK, masked(value))

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, Mapping):
            return {name: clean(v) for name, v in value.items() if name not in _UNSENT_OF_FRAMES}
        return [clean(part) for part in value] if isinstance(value, list | tuple) else value

    def scrubbed(event: Any, _: Any) -> Any:
        return clean({name: part for name, part in event.items() if name not in _UNSENT})

    return scrubbed
