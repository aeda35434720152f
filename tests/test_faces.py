"""Every package has a face: what its `__init__` exports is all that others may use of it."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tradingkb"
MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if "migrations" not in p.parts]
JUDGING = [p for p in MODULES if p.parent.name in ("judging", "answer")]
PACKAGES = {
    ".".join(p.parent.relative_to(ROOT).parts)
    for p in MODULES
    if p.name == "__init__.py" and p.parent != PACKAGE
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> tuple[tuple[str, list[str]], ...]:
    """Every `from tradingkb... import names`, lazy ones included."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tradingkb"):
            yield str(node.module), [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            yield from ((a.name, []) for a in node.names if a.name.startswith("tradingkb."))


def face_of(importer: str, imported: str) -> str | None:
    """The outermost package around what is imported that the importer is not inside of."""
    parts = imported.split(".")
    around = (".".join(parts[:n]) for n in range(2, len(parts) + 1))
    outside = (p for p in around if p in PACKAGES and not f"{importer}.".startswith(f"{p}."))
    return next(outside, None)


def test_a_module_imports_from_another_package_through_its_face():
    past = {
        f"{name_of(path)}: {imported} instead of {face}"
        for path in MODULES
        for imported, _ in imports(path)
        if (face := face_of(name_of(path), imported)) not in (None, imported)
    }
    assert past == set()


def test_a_module_takes_from_a_face_only_what_it_exports():
    taken = {
        (name_of(path), imported, name)
        for path in MODULES
        for imported, names in imports(path)
        if imported in PACKAGES and face_of(name_of(path), imported) == imported
        for name in names
    }
    hidden = {
        f"{importer}: {face}.{name}"
        for importer, face, name in taken
        if name not in getattr(importlib.import_module(face), "__all__", ())
    }
    assert taken
    assert hidden == set()


def test_a_face_exports_nothing_that_is_not_there():
    faces = {package: importlib.import_module(package) for package in PACKAGES}
    missing = {
        f"{package}.{name}"
        for package, face in faces.items()
        for name in getattr(face, "__all__", ())
        if not hasattr(face, name)
    }
    assert missing == set()


def test_what_judges_and_what_answers_name_nothing_that_reads_or_writes():
    ends = ("Store", "Reader", "Calibrations", "Index", "Embedder", "Factory")
    named = {
        f"{name_of(path)}: {name}"
        for path in JUDGING
        for _, names in imports(path)
        for name in names
    }
    assert named
    assert {name for name in named if name.endswith(ends)} == set()
