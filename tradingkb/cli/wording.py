"""Remedies in the words of the command line.

The library's messages name what to do in Python. Here the same advice becomes a command or an
option; a test reads every message of the package and finds none that still speaks Python.
"""

from __future__ import annotations

import re
from typing import Final

_TABLES: Final = (
    "ingest|strategies|trials|runs|events|workspaces|history|backup|reconcile|leases|jobs"
    "|collections|snapshots|reembed"
)
_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (r"kb\.create_workspace\('([^']*)'\)", r"tradingkb workspaces --create \1"),
    (
        r"kb\.reembed\('([^']*)', '([^']*)', '([^']*)'\)",
        r"tradingkb reembed --workspace \1 --model \2 --collection \3",
    ),
    (r"kb\.runbook_runs\(\)", "tradingkb runbook history"),
    (r"kb\.calibrate\(\)", "tradingkb calibrate"),
    (r"kb\.restore\(\)", "tradingkb restore"),
    (r",? and connect\(\) in the child", ", each with its own store"),
    (r",? then connect\(\) again", " and run it again"),
    (r"kb\.reconcile\(repair=True\)", "tradingkb reconcile --repair"),
    (rf"kb\.({_TABLES})\(workspace='([^']*)'\)", r"tradingkb \1 --workspace \2"),
    (rf"kb\.({_TABLES})\(\)", r"tradingkb \1"),
    (r"kb\.register_strategy\([^()]*(\([^()]*\))?\)", "tradingkb strategies --register FILE"),
    (
        r"kb\.regime\(ohlcv\), Regime\.stated\(\.\.\.\), \{feature: value\} or a list of tags",
        "tags or feature=value",
    ),
    (r'"(\w+)": tkb\.const\("([^"]*)"\)', r'--set \1="\2"'),
    (r"for a constant use tkb\.const\(\.\.\.\)", "for a constant use --set"),
    (r"give another home to connect\(\)", "name another folder with --home"),
    (
        r"give ids, a frame with trial_id, or a filter such as strategy_name",
        "give ids, or a filter such as --strategy",
    ),
    (r"\bactivate (\S+) with (\S+)", r"tradingkb activate --model \1 --collection \2"),
    (r"\b(events|runs)_older_than_days\b", r"--\1-days"),
    (r"strict=False takes the good rows", "without --strict the good rows go in"),
    (r"\b(apply|replace|repair|force|readmit|restart|compact)=True\b", r"--\1"),
    (r"\b(ohlcv|regime|symbol|timeframe)=(?=[\s,;.)]|$)", r"--\1"),
    (r"\b(run an ingest)\b", "run tradingkb ingest"),
)

#: Before the above, where a runbook is run.
_PARAMETERS: Final[tuple[tuple[str, str], ...]] = (
    (r"for a constant use tkb\.const\(\.\.\.\)", "for a constant use [set] of the map file"),
    (r"strict=False takes the good rows", "with -p strict=false the good rows go in"),
    (r"\b(replace|readmit)=True\b", r"-p \1=true"),
    (r"\bohlcv=(?=[\s,;.)]|$)", "-p ohlcv=FOLDER"),
    (r"--map-file\b", "-p map_file"),
)


def as_commands(text: str) -> str:
    """The text with Python calls and arguments as commands and options."""
    text = re.sub(r"mapping=\{([^{}]*)\}", _options, text)
    for python, command in _WORDS:
        text = re.sub(python, command, text)
    return text


def as_parameters(text: str) -> str:
    """The same for runs of runbooks, where parameters and a file of a mapping are given."""
    text = re.sub(r"mapping=\{([^{}]*)(\}|$)", _file, text)
    for python, parameter in _PARAMETERS:
        text = re.sub(python, parameter, text)
    return as_commands(text)


def _file(mapping: re.Match[str]) -> str:
    """The entries of a mapping as tables of its file."""
    constants = re.findall(r'"(\w+)": tkb\.const\(("[^"]*")\)', mapping[1])
    columns = re.findall(r'"(\w+)": ("[^"]*")', mapping[1])
    tables = (("[map]", columns), ("[set]", constants))
    said = [
        f"{table} {', '.join(f'{name} = {value}' for name, value in entries)}"
        for table, entries in tables
        if entries
    ]
    return "-p map_file=FILE.toml" + (f" with {' and '.join(said)}" if said else "")


def _options(mapping: re.Match[str]) -> str:
    """The entries of a mapping as options: `--map canonical=column`."""
    text = re.sub(r'"(\w+)": "([^"]*)"', r"--map \1=\2", mapping[1])
    return text.replace(", ", " ")
