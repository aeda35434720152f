"""What an error says of a service, by classes and codes."""

from __future__ import annotations

from collections.abc import Iterator

from tradingkb.exceptions import BackendUnavailableError, CircuitOpenError, TradingKBError


def is_transient(error: BaseException) -> bool:
    """Whether a service did not answer, and may if it is asked again.

    Adapters have translated what their drivers raise. An open circuit is not asked again.
    """
    return isinstance(error, BackendUnavailableError) and not isinstance(error, CircuitOpenError)


def cause_of(error: BaseException) -> str:
    """The innermost error's name and code, such as "ConnectionRefusedError 111".

    No messages: they hold addresses and values, and this is shown to anyone.
    """
    *_, innermost = _chain(error)
    code = next(
        (c for name in _CODES if (c := getattr(innermost, name, None)) is not None),
        None,
    )
    name = type(innermost).__name__
    return name if code is None else f"{name} {code}"


def told_of(error: BaseException) -> str:
    """What may be shown of an error to anyone: no addresses, no paths."""
    if isinstance(error, CircuitOpenError):
        return str(error)
    if isinstance(error, BackendUnavailableError):
        return f"no answer: {cause_of(error)}"
    if isinstance(error, TradingKBError) and error.__cause__ is None:
        return str(error)
    return cause_of(error)


#: Attributes under which drivers and clients keep codes, in this order.
_CODES = ("sqlstate", "sqlite_errorname", "status_code", "errno")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, ever further down."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        below = getattr(found, "orig", None) or getattr(found, "source", None) or found.__cause__
        if below is None and not found.__suppress_context__:
            below = found.__context__
        found = below if isinstance(below, BaseException) else None
