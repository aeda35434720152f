"""Executes every guide in notebooks/guides again, without traces of the machine in its metadata."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

GUIDES = Path(__file__).resolve().parents[1] / "notebooks" / "guides"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def execute(path: Path) -> None:
    """Runs one guide in its own folder and writes its outputs back."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=180,
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    wanted = sys.argv[1:] or sorted(GUIDES.glob("*.ipynb"))
    for guide in map(Path, wanted):
        execute(guide)
        print(guide.name)
