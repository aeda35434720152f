"""Changes the pure modules a little, and names the changes that their own tests let pass (mutmut).

    make mutants                                            # all of them: some hours
    make mutants ARGS="tradingkb/domain/lifecycle.py"       # one: half a minute
    make mutants ARGS="--jobs 2 tradingkb/ranking"          # a folder of them
    make mutants ARGS="--sample 40 tradingkb/domain"        # 40 of each module, the same each time

A module is tried with the tests that mirror it: `tests/domain/test_lifecycle*.py` for
`tradingkb/domain/lifecycle.py`. `tool.mutants` of pyproject.toml says which modules are tried, and
with what else; `tool.mutmut` is the tool's own. mutmut leaves alone what runs when a module is
imported (constants, fields, decorators) and functions with decorators, so properties too. A mutant
runs in a fork of a process that has imported the package and no more, so that its tests may let
Polars work: threads that had started before would be missed for ever.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import (
    get_mutant_name,
    orig_function_and_class_names_from_key,
)

ROOT = Path(__file__).resolve().parents[1]
CONFIG = (ROOT / "pyproject.toml").read_text()
SETTINGS = tomllib.loads(CONFIG)["tool"]["mutants"]
TABLE = "[tool.mutmut]\n"
#: What mutmut says of a mutant that the tests noticed; all else has survived.
NOTICED = ("killed", "timeout", "segfault")


def modules(wanted: Sequence[str]) -> list[str]:
    """Modules by path, those of folders included; without any, all that pyproject.toml names."""
    paths = [ROOT / name for name in wanted or SETTINGS["modules"]]
    found = [file for path in paths for file in (sorted(path.rglob("*.py")) or [path])]
    return [file.relative_to(ROOT).as_posix() for file in found if file.name != "__init__.py"]


def tests_of(module: str) -> list[str]:
    """The test files that mirror a module, and those that are named for it."""
    path = Path(module)
    folder = ROOT / "tests" / path.parent.relative_to("tradingkb")
    mirrored = [folder / f"test_{path.stem}.py", *folder.glob(f"test_{path.stem}_*.py")]
    others = {s for s in (p.stem for p in (ROOT / path.parent).glob("*.py")) if s != path.stem}
    own = [file for file in mirrored if file.stem.removeprefix("test_") not in others]
    named = [ROOT / name for name in SETTINGS["tests"].get(module, [])]
    return sorted({f.relative_to(ROOT).as_posix() for f in (*own, *named) if f.exists()})


def drawn(module: str, sample: int) -> list[str]:
    """The names of some mutants of a module, drawn at random but the same each time."""
    mutated = mutate_file_contents(module, (ROOT / module).read_text())
    names = [get_mutant_name(Path(module), name) for name in mutated.mutant_names]
    return random.Random(module).sample(names, min(sample, len(names)))


def run(module: str, tests: list[str], jobs: int, sample: int | None) -> None:
    """Runs mutmut for one module in a folder of its own, and prints what it found.

    Args:
        module: path of the module.
        tests: paths of the files of tests.
        jobs: mutants at a time.
        sample: how many mutants are tried; None for all of them.
    """
    began = time.monotonic()
    wanted = [] if sample is None else drawn(module, sample)
    only = f"only_mutate = {json.dumps([module])}\n"
    chosen = f"pytest_add_cli_args_test_selection = {json.dumps(tests)}\n"
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        for part in ("tradingkb", "tests", "data"):
            Path(part).symlink_to(ROOT / part)
        Path("pyproject.toml").write_text(CONFIG.replace(TABLE, TABLE + only + chosen))
        Path("preload.txt").write_text("\n".join(SETTINGS["preload"]))
        mutmut = Path(sys.executable).with_name("mutmut")
        done = subprocess.run(
            [mutmut, "run", "--max-children", str(jobs), *wanted],
            capture_output=True,
            text=True,
            check=False,
        )
        report = Path("mutants", f"{module}.meta")
        codes = json.loads(report.read_text())["exit_code_by_key"] if report.exists() else {}
        if wanted:
            codes = {key: code for key, code in codes.items() if key in wanted}
        if None in codes.values():
            print(done.stdout[-3000:], done.stderr, sep="\n", file=sys.stderr)
            raise SystemExit(f"{module}: mutmut did not come to its end")
        said = {key: status_by_exit_code[code] for key, code in codes.items()}
        for line in survivors(module, said):
            print(line)
    counts = Counter(said.values())
    killed = sum(counts[status] for status in NOTICED)
    print(
        f"{module}: {len(said)} mutants, {killed} killed, {len(said) - killed} survived, "
        f"{counts['no tests']} of them where no test comes by; {counts['timeout']} took too long "
        f"({time.monotonic() - began:.0f} s)",
        flush=True,
    )


def survivors(module: str, said: dict[str, str]) -> Iterator[str]:
    """One paragraph per survivor: file, line, and the change."""
    lines = (ROOT / module).read_text().splitlines()
    for key, status in said.items():
        if status not in NOTICED:
            diff = get_diff_for_mutant(key, path=module).splitlines()[2:]
            change = [line for line in diff if line[:1] in "+-"]
            line = start(lines, key) + offset(diff)
            yield "\n".join([f"{module}:{line}: {status}", *(f"    {text}" for text in change)])


def start(lines: list[str], key: str) -> int:
    """The line on which a mutant's function begins, with the comments above it."""
    name, owner = orig_function_and_class_names_from_key(key)
    at = 0
    if owner:
        at = next(n for n, line in enumerate(lines) if re.match(rf"class {owner}\b", line))
    indent = "    " if owner else ""
    defined = re.compile(rf"{indent}(async )?def {re.escape(name)}\(")
    at = next(n for n in range(at, len(lines)) if defined.match(lines[n]))
    while at and lines[at - 1].startswith((f"{indent}@", f"{indent}#")):
        at -= 1
    return at + 1


def offset(diff: list[str]) -> int:
    """How many lines of the function stand before the first that is changed."""
    first = int(re.match(r"@@ -(\d+)", diff[0])[1])
    return first - 1 + next(n for n, line in enumerate(diff[1:]) if line[:1] in "+-")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="files or folders; without any, all of them")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    parser.add_argument("--sample", type=int, help="how many mutants of each module; else all")
    options = parser.parse_args()
    for each in modules(options.modules):
        if tests := tests_of(each):
            run(each, tests, options.jobs, options.sample)
        else:
            print(f"{each}: no tests of its own", flush=True)
