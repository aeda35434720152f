"""The walls of the house: who imports whom, what stays outside, and how large a module may be."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tradingkb"

#: What help has no use for either; the command line itself needs typer, and its help rich.
KEPT_OUT_OF_HELP = {
    "IPython",
    "alembic",
    "asyncio",
    "fastapi",
    "jupyter_client",
    "jupyter_core",
    "nbclient",
    "nbconvert",
    "numpy",
    "pandas",
    "papermill",
    "plotly",
    "polars",
    "psycopg",
    "pyarrow",
    "pydantic",
    "pydantic_settings",
    "qdrant_client",
    "redis",
    "sqlalchemy",
    "streamlit",
    "structlog",
    "talib",
    "tqdm",
}
KEPT_OUT_OF_A_FRESH_IMPORT = KEPT_OUT_OF_HELP | {"rich", "typer"}
HELP = """
from tradingkb.cli import main
sys.argv = ["tradingkb", "--help"]
try:
    main()
except SystemExit as end:
    assert end.code == 0
"""
#: Lines of code: docstrings, comments and blank lines are free.
LONGEST_MODULE = 250
#: A released migration is never written again, whatever the formatter makes of it.
RELEASED = "stores/migrations/versions/"
#: The flat verbs, each a delegation: what is long there are the signatures that users type.
VERBS, LONGEST_VERBS = "knowledge_base.py", 500
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("tradingkb", include_external_packages=True, cache_dir=None)


def test_imports_keep_the_contracts_of_pyproject():
    # In a process of its own: the linter disables every logger of the one it runs in.
    code = (
        "import sys\n"
        "from importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(config_filename='pyproject.toml', no_cache=True, no_logo=True))"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("part", ["domain", "ranking"])
def test_the_core_imports_the_standard_library_and_numpy_only(graph, part):
    inside = graph.find_descendants(f"tradingkb.{part}") | {f"tradingkb.{part}"}
    imported = {
        name for module in inside for name in graph.find_modules_directly_imported_by(module)
    }
    outside = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert outside <= {"numpy", "tradingkb"}


def test_presentation_alone_writes_html(graph):
    tags = re.compile(r"</?(div|span|table|tr|td|th|ul|li|p|b|style)\b")
    for path in PACKAGE.rglob("*.py"):
        if "presentation" not in path.parts:
            assert not tags.search(path.read_text(encoding="utf-8")), path
    for module in graph.find_modules_that_directly_import("html"):
        assert module.startswith("tradingkb.presentation."), module


@pytest.mark.parametrize(
    ("program", "kept_out"),
    [("import tradingkb", KEPT_OUT_OF_A_FRESH_IMPORT), (HELP, KEPT_OUT_OF_HELP)],
    ids=["import", "help"],
)
def test_a_fresh_import_and_help_load_no_heavy_library(program, kept_out):
    told = "print(json.dumps(list(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{program}\n{told}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in json.loads(answer.stdout.splitlines()[-1])}
    assert loaded & kept_out == set()
    assert "tradingkb" in loaded


def test_a_module_is_short_enough_to_read_at_once():
    texts = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in PACKAGE.rglob("*.py")
        if RELEASED not in path.as_posix()
    }
    assert len(texts) > 300
    # What is short with its comments is short without them.
    lines = {p: lines_of_code(t) for p, t in texts.items() if t.count("\n") > LONGEST_MODULE}
    longest = {VERBS: LONGEST_VERBS}
    assert {p: n for p, n in lines.items() if n > longest.get(p, LONGEST_MODULE)} == {}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (VERBS, "KnowledgeBase"),
        ("lifecycle/verbs.py", "Curation"),
        ("jobs/verbs.py", "LongWork"),
        ("indexing/collection_verbs.py", "Collections"),
    ],
)
def test_a_verb_of_the_knowledge_base_is_a_delegation(module, name):
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    (holder,) = (n for n in tree.body if getattr(n, "name", "") == name)
    verbs = [n for n in holder.body if isinstance(n, ast.FunctionDef)]
    decides = (ast.For, ast.While, ast.Try, ast.Lambda, ast.ListComp)
    found = {v.name for v in verbs for node in ast.walk(v) if isinstance(node, decides)}
    assert found <= {"register_strategy"}  # one spec or several


def lines_of_code(source: str) -> int:
    """Lines that hold a token which is neither a comment nor part of a docstring."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        documentable = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documentable and ast.get_docstring(node):
            text = node.body[0]
            documented |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    held: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            held |= set(range(token.start[0], token.end[0] + 1))
    return len(held - documented)


def test_the_pages_show_what_the_code_says_today():
    answer = subprocess.run(
        [sys.executable, ".ci/docs", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


#: Folders of tests that are about no single package, and why.
BESIDE_THE_PACKAGES = {
    "dashboard": "the client that is no part of the package",
    "data": "the sample, and the code in data/ that makes it",
    "deploy": "compose.yaml, the image and what stands before and around the service",
    "survival": "processes that are killed, whatever they are doing",
}


def test_the_tests_mirror_the_package():
    tests = Path(__file__).parent
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    beside = {Path(name) for name in BESIDE_THE_PACKAGES}
    assert [str(folder) for folder in folders - beside if not (PACKAGE / folder).is_dir()] == []
    assert beside <= folders


def test_what_tests_share_is_imported_as_a_module_and_no_test_from_another():
    sources = {
        path: path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("*.py")
    }
    imported = {
        (path.name, name)
        for path, source in sources.items()
        for node in ast.walk(ast.parse(source))
        for name in _imported(node)
    }
    assert {pair for pair in imported if pair[1].rpartition(".")[2].startswith("test_")} == set()
    assert [p.name for p, s in sources.items() if p.name == "conftest.py" and "sys.path" in s] == []


def _imported(node):
    """The modules that a statement imports, without what it takes from them."""
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
