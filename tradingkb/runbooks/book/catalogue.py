"""Which runbooks there are, and what each says of itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tradingkb.exceptions import ConfigurationError, NotFoundError
from tradingkb.runbooks.book.parameters import Parameter, checked, read_parameters

#: The words before each part of the first cell, and the field that it becomes.
PARTS: Final[Mapping[str, str]] = {
    "Purpose": "purpose",
    "When to run": "when",
    "Alerts that lead here": "alerts",
    "What it changes": "changes",
    "How to undo": "undo",
}
#: Parameters of every runbook.
COMMON: Final = ("workspace", "dry_run")
_DEADLINE_S: Final = 1800
_PACKAGE: Final = Path(__file__).resolve().parents[2]
#: In a clone, and in an installed package.
_FOLDERS: Final = (
    _PACKAGE.parent / "notebooks" / "runbooks",
    _PACKAGE / "runbooks" / "notebooks",
)


@dataclass(frozen=True)
class Runbook:
    """One runbook, as its notebook describes it.

    Attributes:
        name: the notebook's file name without its ending.
        path: of the notebook.
        title, purpose, when, changes, undo: Markdown of its first cell.
        alerts: alerts and problems that lead to it.
        parameters: what it can be given.
        destructive: whether it changes what is stored or running; two of them never overlap in one
            workspace.
        without_store: whether it can do something while the store does not answer.
        deadline_s: seconds after which a run is ended.
        version: changes with its code: 12 digits of SHA-256 over the sources of its cells.
    """

    name: str
    path: Path
    title: str
    purpose: str
    when: str
    alerts: tuple[str, ...]
    changes: str
    undo: str
    parameters: tuple[Parameter, ...]
    destructive: bool
    without_store: bool
    deadline_s: int
    version: str

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters with their values.

        Raises:
            InvalidInputError: an unknown name, a missing value, or one of another type.
        """
        return checked(self.parameters, given)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form, without the path."""
        return {
            "name": self.name,
            "title": self.title,
            "purpose": self.purpose,
            "when": self.when,
            "alerts": list(self.alerts),
            "changes": self.changes,
            "undo": self.undo,
            "destructive": self.destructive,
            "without_store": self.without_store,
            "deadline_s": self.deadline_s,
            "version": self.version,
            "parameters": [one.to_dict() for one in self.parameters],
        }


def folder_of(chosen: Path | None = None) -> Path:
    """Where the notebooks are: as chosen (RUNBOOKS_DIR), else those that came with the package.

    Raises:
        ConfigurationError: there is no such folder.
    """
    folders = [chosen] if chosen is not None else list(_FOLDERS)
    for folder in folders:
        if folder.is_dir():
            return folder
    raise ConfigurationError(
        f"there is no folder of runbooks at {folders[0]}; name one with RUNBOOKS_DIR"
    )


def runbooks(folder: Path | None = None) -> list[Runbook]:
    """All runbooks of a folder, by name.

    Raises:
        ConfigurationError: there is no such folder, or a notebook in it is no runbook.
    """
    return [_read(path) for path in _notebooks(folder_of(folder))]


def runbook(name: str, folder: Path | None = None) -> Runbook:
    """One runbook, by its name or the beginning of it that no other one has.

    Raises:
        NotFoundError: there is none of that name; names those that are near.
        ConfigurationError: its notebook is no runbook.
    """
    paths = {path.stem: path for path in _notebooks(folder_of(folder))}
    named = [stem for stem in paths if stem == name] or [
        stem for stem in paths if name and stem.startswith(name)
    ]
    if len(named) != 1:
        raise NotFoundError("runbook", name, paths)
    return _read(paths[named[0]])


def _notebooks(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))


def _read(path: Path) -> Runbook:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [(cell["cell_type"], _source(cell), cell) for cell in notebook["cells"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path.name} cannot be read as a notebook: {error!r}; save it again in Jupyter"
        ) from None
    own, deadline_s = _own(notebook.get("metadata", {}), path.name)
    text = cells[0][1] if cells and cells[0][0] == "markdown" else ""
    parts = _parts(text, path.name)
    parameters = read_parameters(_parameters_cell(cells, path.name), path.name)
    for name in COMMON:
        if name not in [one.name for one in parameters]:
            raise ConfigurationError(f"{path.name} has no parameter {name}: add it to its cell")
    sources = json.dumps([(kind, source) for kind, source, _ in cells])
    return Runbook(
        name=path.stem,
        path=path,
        title=parts["title"],
        purpose=parts["purpose"],
        when=parts["when"],
        alerts=tuple(re.findall(r"`(\w+)`", parts["alerts"])),
        changes=parts["changes"],
        undo=parts["undo"],
        parameters=parameters,
        destructive=bool(own.get("destructive", True)),
        without_store=bool(own.get("without_store", False)),
        deadline_s=deadline_s,
        version=hashlib.sha256(sources.encode()).hexdigest()[:12],
    )


def _own(metadata: Any, where: str) -> tuple[Mapping[str, Any], int]:
    """What a notebook says of itself for programs, and its deadline in seconds."""
    own = metadata.get("tradingkb", {}) if isinstance(metadata, Mapping) else None
    seconds = own.get("deadline_s", _DEADLINE_S) if isinstance(own, Mapping) else None
    if own is None or type(seconds) is not int or seconds < 1:
        raise ConfigurationError(
            f"{where}: its metadata.tradingkb is wrong: write a table such as "
            '{"destructive": true, "deadline_s": 1800}, with whole seconds'
        )
    return own, seconds


def _source(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _parts(text: str, where: str) -> dict[str, str]:
    """Title and parts of the first cell."""
    title = re.match(r"#\s+(.+)", text.lstrip())
    pieces = re.split(rf"\*\*({'|'.join(PARTS)})\.\*\*", text)[1:]
    found = dict(zip(pieces[::2], map(str.strip, pieces[1::2]), strict=True))
    missing = [label for label in PARTS if not found.get(label)]
    if title is None or missing:
        what = ", ".join(f"**{label}.**" for label in missing) or "# Title"
        raise ConfigurationError(f"{where}: its first cell lacks {what}: it says what it is for")
    return {"title": title[1].strip(), **{PARTS[label]: found[label] for label in PARTS}}


def _parameters_cell(cells: list[tuple[str, str, Mapping[str, Any]]], where: str) -> str:
    tagged = [
        source
        for kind, source, cell in cells
        if kind == "code" and "parameters" in cell.get("metadata", {}).get("tags", ())
    ]
    if len(tagged) != 1:
        raise ConfigurationError(
            f"{where} has {len(tagged) or 'no'} parameters cell{'s' if len(tagged) > 1 else ''}: "
            "give one code cell the tag `parameters`"
        )
    return tagged[0]
