"""Retries by stamina, which is loaded when the first call fails: most processes see none."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import cache, wraps
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: Whether what stamina retries is ours: then its own hooks are not told, which print to stdout.
_OURS: Final[ContextVar[bool]] = ContextVar("_OURS", default=False)


def with_retries(call: Callable[[], T], wait: Callable[[int, Exception], float | None]) -> T:
    """Calls a function, and again as long as it raises and `wait` names a time.

    Args:
        call: may be called again.
        wait: seconds to wait after an attempt (counted from 1) and its error; None for no more.
    """
    try:
        return call()
    except Exception as error:
        seconds = wait(1, error)
        if seconds is None:
            raise
        return _again(call, wait, error, seconds)


def _again(
    call: Callable[[], T],
    wait: Callable[[int, Exception], float | None],
    error: Exception,
    seconds: float,
) -> T:
    """As `with_retries`, after a first attempt; stamina waits, or not, in tests."""
    import stamina

    _quiet_hooks()
    made = [error]
    attempt = 0

    def next_wait(failed: Exception) -> bool | float:
        nonlocal attempt
        attempt += 1
        planned = seconds if attempt == 1 else wait(attempt, failed)
        return False if planned is None else planned

    token = _OURS.set(True)
    try:
        for one in stamina.retry_context(next_wait, attempts=None, timeout=None):
            with one:
                if made:  # the attempt that is behind us
                    raise made.pop()
                return call()
    finally:
        _OURS.reset(token)
    raise AssertionError("stamina raises the last error")


@cache
def _quiet_hooks() -> None:
    """Keeps stamina's hooks from being told of our retries; of others' they are, as before."""
    from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

    def unless_ours(hook: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(hook)
        def told(details: Any) -> Any:
            return None if _OURS.get() else hook(details)

        return told

    set_on_retry_hooks([unless_ours(hook) for hook in get_on_retry_hooks()])
