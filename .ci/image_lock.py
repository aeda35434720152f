"""What of requirements.lock an image needs; the Dockerfile runs it with the standard library.

image_lock.py wanted server,service    the requirements of pyproject.toml with these extras
image_lock.py versions                 every version of it, as constraints for pip
image_lock.py chosen report.json       the entries that pip has resolved, with hashes
image_lock.py named hatchling ...      the entries with these names, with hashes
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path


def entries(lock: str) -> dict[str, str]:
    """Each entry of a lock, its hashes included, by the name of its package."""
    found = re.findall(r"^(?:[^\s#].*\\\n(?:[ \t]+.*\n?)*|[^\s#].*\n?)", lock, re.MULTILINE)
    return {normal(re.split(r"[=<>;\s\[]", entry, maxsplit=1)[0]): entry for entry in found}


def normal(name: str) -> str:
    """A package's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(pyproject: str, extras: list[str]) -> list[str]:
    """The requirements of a project with some of its extras."""
    project = tomllib.loads(pyproject)["project"]
    optional = project["optional-dependencies"]
    own = re.compile(rf"{re.escape(project['name'])}\[([\w,]+)\]")

    def lines(extra: str) -> list[str]:
        """Those of one extra; where it names others of its own project, theirs."""
        found: list[str] = []
        for line in optional[extra]:
            if others := own.fullmatch(line):
                for other in others[1].split(","):
                    found += lines(other)
            else:
                found.append(line)
        return found

    return [*project["dependencies"], *(line for extra in extras for line in lines(extra))]


def versions(lock: str) -> list[str]:
    """The entries of a lock without hashes: with them pip asks for a hash of everything."""
    return [entry.split("\\", maxsplit=1)[0].strip() for entry in entries(lock).values()]


def named(lock: str, names: list[str]) -> list[str]:
    """The entries with these names.

    Raises:
        KeyError: the lock has none of that name.
    """
    known = entries(lock)
    return [known[normal(name)].rstrip("\n") for name in names]


def main(verb: str, *words: str) -> None:
    lock = Path("requirements.lock").read_text(encoding="utf-8")
    if verb == "wanted":
        lines = wanted(Path("pyproject.toml").read_text(encoding="utf-8"), words[0].split(","))
    elif verb == "versions":
        lines = versions(lock)
    elif verb == "chosen":
        report = json.loads(Path(words[0]).read_text(encoding="utf-8"))
        lines = named(lock, sorted(one["metadata"]["name"] for one in report["install"]))
    elif verb == "named":
        lines = named(lock, list(words))
    else:
        raise SystemExit(__doc__)
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
