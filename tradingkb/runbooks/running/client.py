"""papermill's client, which keeps no more of what a cell prints than anybody reads."""

from __future__ import annotations

from typing import Any, Final

from papermill.clientwrap import PapermillNotebookClient

#: Characters that are kept of what one cell prints; what prints for ever fills no memory.
MOST: Final = 2_000_000


class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
    """Executes the cells of a notebook."""

    def __init__(self, *given: Any, **options: Any) -> None:
        """As papermill's."""
        super().__init__(*given, coalesce_streams=True, **options)
        self._left: dict[int, int] = {}

    def output(
        self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> Any:
        """Keeps an output; of a cell that has printed too much, none that is printed."""
        if msg["msg_type"] == "stream":
            left, text = self._left.get(cell_index, MOST), msg["content"]["text"]
            if left < 0:
                return None
            self._left[cell_index] = left - len(text)
            if len(text) > left:
                cut = f"{text[:left]}\n... more than {MOST:,} characters: the rest was not kept\n"
                msg = {**msg, "content": {**msg["content"], "text": cut}}
        return super().output(outs, msg, display_id, cell_index)
