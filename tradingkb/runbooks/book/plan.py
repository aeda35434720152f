"""The steps of a run: planned in a dry run, carried out otherwise."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tradingkb.masking import masked, masked_all
from tradingkb.plain import plain
from tradingkb.runbooks.book.result import Action

_NAME: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        key: names it in its run.
        what: a sentence.
        do: does it; what it returns (a mapping, a report, None) is compared with `expect`.
        expect: figures that a dry run has found.
        undo: command or sentence that takes it back; a name in braces, such as {run_id}, stands for
            a figure of what was done.
    """

    key: str
    what: str
    do: Callable[[], Any]
    expect: Mapping[str, Any] | None = None
    undo: str | None = None

    def planned(self) -> Action:
        """As it stands in a plan."""
        return Action(
            key=self.key,
            what=self.what,
            state="planned",
            expected=_figures(self.expect),
            undo=_filled(self.undo, {}),
        )


def carried_out(
    steps: Sequence[Step],
    *,
    before: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = print,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Action]:
    """Does one step after the other; after one that fails the others are skipped.

    Args:
        steps: the plan.
        before: asked before each step; an error ends the plan there, with nothing to undo of it.
        tell: told what is done, before and after.
        monotonic: seconds that only grow.

    Yields:
        What became of each step, as soon as it is known.

    Raises:
        BaseException: somebody interrupted a step, which is said to have failed before.
    """
    failed, interrupted = False, None
    known: dict[str, Any] = {}  # a step that failed may be undone by what one before it has told
    for number, step in enumerate(steps, 1):
        planned = step.planned()
        if failed:
            yield planned.model_copy(update={"state": "skipped"})
            continue
        tell(f"{number}/{len(steps)} {step.what}")
        began = monotonic()
        done: dict[str, Any] = {"state": "done", "undo": None}
        try:
            before()
            done["undo"] = _filled(step.undo, known)
            done["actual"] = _figures(step.do())
            done["differs"] = differences(planned.expected, done["actual"])
            known |= done["actual"] or {}
            done["undo"] = _filled(step.undo, known)
        except BaseException as error:  # whatever it is, what follows must not run
            failed = True
            interrupted = None if isinstance(error, Exception) else error
            why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            done |= {"state": "failed", "error": masked(why)}
        done["seconds"] = round(monotonic() - began, 3)
        action = planned.model_copy(update=done)
        tell(f"    {_ending(action)}")
        yield action
    if interrupted is not None:
        raise interrupted


def differences(expected: Mapping[str, Any] | None, actual: Mapping[str, Any] | None) -> list[str]:
    """Where figures are not those of the plan: a sentence each, for what was planned alone."""
    if not expected:
        return []
    found = actual or {}
    return [
        f"{name}: planned {wanted}, was {found.get(name, 'not told')}"
        for name, wanted in expected.items()
        if found.get(name) != wanted
    ]


def _figures(found: Any) -> dict[str, Any] | None:
    """What a step returned, JSON-ready; None where it is no mapping and no report."""
    if hasattr(found, "to_dict"):
        found = found.to_dict()
    return masked_all(plain(dict(found))) if isinstance(found, Mapping) else None


def _filled(undo: str | None, figures: Mapping[str, Any]) -> str | None:
    """An undo with the figures that it names; those that are not known yet in capitals."""
    if undo is None:
        return None
    return _NAME.sub(lambda found: str(figures.get(found[1], found[1].upper())), undo)


def _ending(action: Action) -> str:
    if action.state == "failed":
        return f"failed after {action.seconds:.1f} s: {action.error}"
    return "; ".join([f"done in {action.seconds:.1f} s", *action.differs])
