"""A run of a runbook, as the cells of its notebook see it."""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import BackendUnavailableError, InvalidInputError, TradingKBError
from tradingkb.masking import masked, masked_all
from tradingkb.plain import plain
from tradingkb.printable import printable
from tradingkb.runbooks.book.catalogue import Runbook, runbook
from tradingkb.runbooks.book.plan import Step, carried_out
from tradingkb.runbooks.book.result import (
    MIMETYPE,
    Action,
    Finding,
    NextStep,
    Result,
    Severity,
    outcome_of,
)
from tradingkb.runbooks.book.shell import command_line
from tradingkb.runbooks.book.shown import (
    action_table,
    conclusion,
    show_bundle,
    show_markdown,
)

if TYPE_CHECKING:
    from tradingkb.jobs import Lease
    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.presentation import Table

#: Tells which parameters a program put in: the first line of the cell that papermill adds.
_INJECTED: Final = "# Parameters"


class RunbookFailedError(TradingKBError):
    """A step or a verification of a runbook failed; the result says which, and what next."""


class Run:
    """What the cells of a notebook call, in this order.

    `find` and `verify` note what was seen; `step` plans; `carry_out` does what is planned, unless
    it is a dry run; `next` says what to do afterwards; `finish` is the last cell.

    Attributes:
        book: the runbook.
        store_error: why the store does not answer, where a runbook goes on without; else None.
        parameters: all parameters with their values.
        workspace: slug or id, as given.
        dry_run: whether nothing may be changed.
    """

    def __init__(
        self, book: Runbook, kb: KnowledgeBase | None, parameters: Mapping[str, Any], stack: Any
    ) -> None:
        """Made by `begin`."""
        self.book, self._kb, self.parameters = book, kb, dict(parameters)
        self.store_error: str | None = None
        self.workspace: str = parameters["workspace"]
        self.dry_run: bool = parameters["dry_run"]
        self._stack = stack
        self._leases: dict[str, Lease] = {}
        self._planned: list[Step] = []
        self._keys: set[str] = set()
        self._actions: list[Action] = []
        self._findings: list[Finding] = []
        self._next: list[NextStep] = []
        self._broken = False

    @property
    def kb(self) -> KnowledgeBase:
        """The knowledge base that the environment names.

        Raises:
            BackendUnavailableError: it could not be opened.
        """
        if self._kb is None:
            raise BackendUnavailableError(f"the store does not answer: {self.store_error}")
        return self._kb

    def reopen(self) -> None:
        """Opens the knowledge base, or looks again whether its store answers.

        Raises:
            BackendUnavailableError: it does not.
            UnknownWorkspaceError: there is no such workspace.
        """
        try:
            if self._kb is None:
                self._kb = self._stack.enter_context(_opened())
            self._kb.use_cases.workspaces.find(self.workspace)
        except BackendUnavailableError as error:
            self.store_error = masked(str(error))
            raise
        self.store_error = None

    @property
    def failed(self) -> bool:
        """Whether a step or a verification has failed."""
        return self._broken or any(action.state == "failed" for action in self._actions)

    @property
    def carried_out(self) -> bool:
        """Whether every step so far was done: False in a dry run that plans something."""
        return not self._planned and all(action.state == "done" for action in self._actions)

    def secret(self, parameter: str) -> str:
        """The value of the environment's variable that a parameter names.

        Raises:
            InvalidInputError: there is no such variable.
        """
        name = self.parameters[parameter]
        value = os.environ.get(name, "")
        if not value:
            raise InvalidInputError(
                f"the environment has no {name}", field=parameter, remedy="set it where this runs"
            )
        return value

    def find(
        self,
        what: str,
        severity: Severity = "info",
        healed_by: str | None = None,
        **evidence: Any,
    ) -> None:
        """Notes what was seen.

        Args:
            what: a sentence.
            severity: "warning" and "critical" stay open until something heals them.
            healed_by: key of the step that does.
            **evidence: figures and names.
        """
        told = masked_all(plain(evidence))
        found = Finding(what=_sentence(what), severity=severity, evidence=told, healed_by=healed_by)
        self._findings.append(found)
        show_markdown(conclusion([found]))

    def verify(self, what: str, ok: bool, **evidence: Any) -> bool:
        """Notes whether what must hold holds; where it does not, the run has failed.

        Args:
            what: what must hold, a sentence.
            ok: whether it does.
            **evidence: figures and names.
        """
        self._broken = self._broken or not ok
        verdict = "verified" if ok else "NOT VERIFIED"
        self.find(f"{verdict}: {what}", "info" if ok else "critical", **evidence)
        return ok

    def step(
        self,
        key: str,
        what: str,
        do: Callable[[], Any],
        expect: Mapping[str, Any] | None = None,
        undo: str | None = None,
    ) -> None:
        """Adds a step to the plan.

        Args:
            key: names it.
            what: a sentence.
            do: does it; returns a mapping or a report with the figures.
            expect: the figures that are expected; where they differ is told.
            undo: command or sentence that takes it back; {name} stands for a figure of what was
                done.

        Raises:
            ValueError: the key names another step.
        """
        if key in self._keys:
            raise ValueError(f"two steps are called {key!r}")
        self._keys.add(key)
        undo = undo and masked(undo)
        self._planned.append(Step(key, _sentence(what), do, expect, undo))

    def carry_out(self) -> Table:
        """Does what is planned, in order, or says in a dry run what would be done.

        A step that fails ends the plan; nothing is raised, so that the cells that verify and
        conclude still run. The next plan after a failed one is skipped.

        Returns:
            What was planned or done, a row for each step.
        """
        steps, self._planned = self._planned, self._planned if self.dry_run else []
        if self.dry_run:
            return action_table([step.planned() for step in steps], "Planned, not done")
        first = len(self._actions)
        try:
            # One by one: what was done stays told when somebody interrupts what follows.
            for action in self._done(steps):
                self._actions.append(action)
        finally:
            self._tell_of(self._actions[first:])
        return action_table(self._actions[first:], "Done")

    def _done(self, steps: Sequence[Step]) -> Iterator[Action]:
        if not self.failed:
            return carried_out(steps, before=self._still_mine)
        return (step.planned().model_copy(update={"state": "skipped"}) for step in steps)

    def _tell_of(self, done: Sequence[Action]) -> None:
        for action in done:
            if action.differs:
                self.find(f"{action.key} differs from its plan", "warning", differs=action.differs)
        if any(action.state == "failed" for action in done):
            self._undo_next()

    def next(self, why: str, command: str | None = None) -> None:
        """Says what to do afterwards: why, and by which command."""
        step = NextStep(why=_sentence(why), command=command and masked(command))
        if step not in self._next:
            self._next.append(step)

    def command(self, name: str, **parameters: Any) -> str:
        """The command that runs a runbook in this workspace with these parameters."""
        given = {"workspace": self.workspace, **parameters}
        words = ["tradingkb", "runbook", "run", name]
        for key, value in given.items():
            words += ["-p", f"{key}={_word(value)}"]
        return command_line(words)

    def apply_command(self) -> str:
        """The command that does what this dry run has planned."""
        return self.command(self.book.name, **{**self._given(), "dry_run": False})

    def result(self) -> Result:
        """What is to be said of the run as it stands."""
        actions = [*self._actions, *(step.planned() for step in self._planned)]
        outcome = outcome_of(actions, self._findings, broken=self._broken)
        following = list(self._next)
        if self.dry_run and self._planned and outcome == "needs_decision":
            why = "do what is planned here"
            following.append(NextStep(why=why, command=self.apply_command()))
        return Result(
            runbook=self.book.name,
            version=self.book.version,
            workspace=self.workspace,
            dry_run=self.dry_run,
            parameters=masked_all(plain(self.parameters)),
            outcome=outcome,
            findings=self._findings,
            actions=actions,
            next_steps=following,
        )

    def finish(self) -> None:
        """Says the result, gives the lease back and closes the knowledge base: the last cell.

        Raises:
            RunbookFailedError: a step or a verification failed; the result has been shown before.
        """
        found = self.result()
        text = conclusion(found.findings, found.actions, found.next_steps, found.outcome)
        try:
            self._stack.close()
        finally:  # what is to be said is said, also where the store went away
            show_bundle({MIMETYPE: found.model_dump(), "text/markdown": text, "text/plain": text})
        if found.outcome == "failed":
            raise RunbookFailedError(_because(found))

    def hold(self, *workspaces: str) -> None:
        """Takes the leases of the workspaces that a step changes, unless nothing is to be changed.

        That of the run's own workspace it has from the beginning.

        Args:
            *workspaces: slugs or ids.

        Raises:
            WorkspaceBusyError: another runbook is changing one of them.
        """
        if self.dry_run or not self.book.destructive:
            return
        for name in workspaces:
            space = self.kb.use_cases.workspaces.find(name)
            if space.id not in self._leases:
                claim = self.kb.use_cases.leases.claim(space, "runbook")
                self._leases[space.id] = self._stack.enter_context(claim)

    def _still_mine(self) -> None:
        for lease in self._leases.values():
            lease.confirm()

    def _undo_next(self) -> None:
        for action in reversed(self._actions):
            if action.undo and action.state in ("done", "failed"):
                how = action.undo if action.undo.startswith("tradingkb ") else None
                self.next(f"undo {action.key}" + ("" if how else f": {action.undo}"), how)

    def _given(self) -> dict[str, Any]:
        """The parameters that are not their defaults."""
        defaults = {one.name: one.default for one in self.book.parameters}
        return {k: v for k, v in self.parameters.items() if k in defaults and v != defaults[k]}


def begin(name: str, given: Mapping[str, Any]) -> Run:
    """The guard cell: checks the parameters, opens the knowledge base, and takes the lease.

    Args:
        name: of the runbook.
        given: the variables of the notebook, `globals()`.

    Raises:
        InvalidInputError: an unknown parameter, a missing value, one of another type, or an unknown
            workspace.
        WorkspaceBusyError: another runbook is changing the workspace.
        ConfigurationError: no such runbook, or a setting that cannot be used.
        BackendUnavailableError: the store does not answer.
    """
    from tradingkb.settings import load_settings

    settings = load_settings()
    book = runbook(name, settings.runbooks_dir)
    names = [one.name for one in book.parameters]
    wanted = {key: given[key] for key in (*names, *_injected(given)) if key in given}
    parameters = book.checked(wanted)
    earlier = given.get("run")
    if isinstance(earlier, Run):  # of the same notebook, run again in Jupyter
        earlier._stack.close()
    stack = contextlib.ExitStack()
    run = Run(book, None, parameters, stack)
    try:
        with contextlib.suppress(*([BackendUnavailableError] if book.without_store else [])):
            run.reopen()
        run.hold(run.workspace)
    except BaseException:
        stack.close()
        raise
    how = "a dry run: nothing is changed" if run.dry_run else "changes are made"
    away = "" if run.store_error is None else ", which does not answer"
    show_markdown(
        f"**{book.name}** (version {book.version}) on workspace `{run.workspace}` of "
        f"{settings.shown_store_url}{away}: {how}"
    )
    return run


def _opened() -> KnowledgeBase:
    from tradingkb.wiring import connect

    return connect(progress=False)


def _injected(given: Mapping[str, Any]) -> list[str]:
    """Names that a program set, as the history of the cells shows."""
    found: list[str] = []
    for source in given.get("In", ()):
        if not source.startswith(_INJECTED):
            continue
        with contextlib.suppress(SyntaxError):
            for line in ast.parse(source).body:
                targets = line.targets if isinstance(line, ast.Assign) else ()
                found += [one.id for one in targets if isinstance(one, ast.Name)]
    return found


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # Text may be anything, "none" included: nothing is what is empty.
    return "" if value is None else str(value)


def _sentence(text: str) -> str:
    """One line, without what may be secret, and with nothing that a terminal obeys."""
    return masked(printable(" ".join(text.split())))


def _because(found: Result) -> str:
    failed = [f"{one.key}: {one.error}" for one in found.actions if one.state == "failed"]
    unverified = [f.what for f in found.findings if f.what.startswith("NOT VERIFIED")]
    return "; ".join([*failed, *unverified]) or "failed"
