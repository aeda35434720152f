"""papermill's client, which keeps no more of what a cell prints than anybody reads."""

from __future__ import annotations

from typing import Any, Final

from papermill.clientwrap import PapermillNotebookClient

#: Characters that are kept of what one cell prints; what prints for ever fills no memory.
MOST: Final = 2_000_000


class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
    """Executes the cells of a notebook."""

    def __init__(self, *given: Any, **options: Any) -> None:
        """As papermill's.

        nbclient's own joining of streams searches a line of n characters in n² steps, and holds the
        whole process meanwhile: a printed document of JSON would outlast every deadline.
        """
        super().__init__(*given, **{**options, "coalesce_streams": False})
        self._left: dict[int, int] = {}

    def output(
        self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> Any:
        """Keeps an output, what is printed as one; of what is too long, the beginning."""
        if msg["msg_type"] != "stream":
            return super().output(outs, msg, display_id, cell_index)
        left, text = self._left.get(cell_index, MOST), msg["content"]["text"]
        if left < 0:
            return None
        self._left[cell_index] = left - len(text)
        if len(text) > left:
            text = f"{text[:left]}\n... more than {MOST:,} characters: the rest was not kept\n"
        earlier = None if self.clear_before_next_output else _stream(outs, msg["content"]["name"])
        if earlier is not None:
            earlier["text"] = _last_said(earlier["text"] + text)
            return earlier
        content = {**msg["content"], "text": _last_said(text)}
        return super().output(outs, {**msg, "content": content}, display_id, cell_index)


def _stream(outs: list[Any], name: str) -> Any:
    return next((one for one in outs if one.get("name") == name), None)


def _last_said(text: str) -> str:
    """Of each line what its last carriage return left: of a bar of progress, the end."""
    if "\r" not in text:
        return text
    return "\n".join(line[line.rstrip("\r").rfind("\r") + 1 :] for line in text.split("\n"))
