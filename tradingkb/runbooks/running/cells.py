"""A notebook while its cells are executed: where it is, what failed, and when it is saved."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from papermill.engines import NotebookExecutionManager

from tradingkb.runbooks.running.places import CellAt, CellFailed, injected, places
from tradingkb.runbooks.running.secret import Secrets

if TYPE_CHECKING:
    from nbformat import NotebookNode


class Cells(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """What papermill tells of each cell, told on; outputs are without secrets before they are kept.

    Attributes:
        at: the cell at work, or the last one.
        failure: what ended the run, where a cell did.
    """

    def __init__(
        self,
        nb: NotebookNode,
        *,
        secrets: Secrets,
        save: Callable[[NotebookNode], object],
        tell: Callable[[CellAt], None],
    ) -> None:
        """Takes who keeps the notebook, and who is told of each cell before and after it."""
        super().__init__(nb, progress_bar=False)
        self._secrets, self._save, self._tell = secrets, save, tell
        self._places = places(nb.cells)
        self.at: CellAt | None = None
        self.failure: CellFailed | None = None

    def save(self, **_: Any) -> None:
        """Keeps the notebook as it stands; that it cannot be kept ends no run."""
        for cell in self.nb.cells:
            if cell.get("outputs"):
                self._secrets.wipe(cell.outputs)
        self._save(self.nb)
        self.last_save_time = self.now()

    def cell_start(self, cell: NotebookNode, cell_index: int | None = None, **more: Any) -> None:
        """Tells which cell begins."""
        if cell_index in self._places:
            self.at = self._places[cell_index]
            self._tell(self.at)
        super().cell_start(cell, cell_index, **more)

    def cell_exception(
        self, cell: NotebookNode, cell_index: int | None = None, **more: Any
    ) -> None:
        """Remembers what ended the run: `sys.exit` is an error as any other."""
        super().cell_exception(cell, cell_index, **more)
        error = more.get("exception")
        if self.at is not None and error is not None:
            name, text = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", "")
            self.failure = CellFailed(self.at, str(name), str(text))

    def cell_complete(self, cell: NotebookNode, cell_index: int | None = None, **more: Any) -> None:
        """Tells how long a cell took; of one that did not come to its end, nothing."""
        if sys.exc_info()[0] is not None:  # the kernel has died in it
            cell.metadata.papermill["status"] = self.FAILED
        super().cell_complete(cell, cell_index, **more)
        if cell_index in self._places and cell.metadata.papermill["status"] == self.COMPLETED:
            place = self._places[cell_index]
            seconds = float(cell.metadata.papermill.get("duration") or 0.0)
            self._tell(CellAt(place.number, place.total, place.title, seconds))

    def end(self, error: str | None) -> None:
        """Closes the notebook; an error that no cell shows is shown where it happened.

        Args:
            error: why the run was ended from outside; None where it was not.
        """
        if error is not None and self.failure is None:
            self._show(error)
        for cell in self.nb.cells:  # what was injected is no part of the runbook's own text
            if injected(cell):
                self._secrets.wipe(cell)
        self._secrets.wipe(self.nb.metadata)
        if error is None and self.failure is None:
            self.notebook_complete()
            return
        self.nb.metadata.papermill["end_time"] = self.now().isoformat()
        self.nb.metadata.papermill["exception"] = True
        self.save()

    def _show(self, error: str) -> None:
        from nbformat.v4 import new_output

        index = next((n for n, place in self._places.items() if place == self.at), None)
        if index is None:
            return
        cell = self.nb.cells[index]
        super().cell_exception(cell, index)
        shown = {"ename": "RunEnded", "evalue": error, "traceback": [error]}
        cell.outputs.append(new_output("error", **shown))  # type: ignore[no-untyped-call]
