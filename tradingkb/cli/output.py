"""What commands print, and the exit codes that scripts rely on."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import typer

from tradingkb.cli.wording import as_commands
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    InvalidInputError,
    NotReadyError,
    TradingKBError,
)
from tradingkb.printable import printable, printable_json

if TYPE_CHECKING:
    import polars as pl

#: Exit code per outcome; errors are matched in this order.
EXIT_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (InvalidInputError, 2),
    (ConfigurationError, 3),
    (BackendUnavailableError, 4),
    (NotReadyError, 4),
    (TradingKBError, 1),
)
EXIT_UNEXPECTED: Final = 1
EXIT_INTERRUPTED: Final = 130
EXIT_NO_ANSWER: Final = 5
EXIT_ROWS_REFUSED: Final = 6
EXIT_DIFFERENCES: Final = 7
EXIT_JOB_FAILED: Final = 8
EXIT_PROBLEMS: Final = 9
_PIPED_COLUMNS: Final = 160

EPILOG: Final = (
    "Exit codes: 0 done; 1 unexpected error; 2 fix the input or the command; 3 fix the "
    "configuration; 4 a backend did not answer or something is not ready, try again later; "
    "5 recommend: status none; 6 ingest, recommend-many: some rows were refused, the others went "
    "in; 7 reconcile: differences found and not repaired (restore: an index is not complete; "
    "migrate-store: something stands in the way, or the sides differ); "
    "8 jobs --work: a job failed, runbook run, runbook schedule --once: a run failed; "
    "9 problems: something is wrong; "
    "10 runbook run: nothing to do; 11 runbook run: somebody has to decide; "
    "130 interrupted."
)


@contextmanager
def reported(
    *,
    worded: Callable[[str], str] = as_commands,
    interrupted: str = "nothing is lost, the same command finishes what is left",
) -> Iterator[None]:
    """Turns errors into one line on stderr and the documented exit code.

    Args:
        worded: gives the advice of a message in the words of the command.
        interrupted: what Ctrl-C leaves behind.
    """
    try:
        yield
    except TradingKBError as error:
        say(f"error: {worded(str(error))}")
        raise typer.Exit(
            next(code for kind, code in EXIT_CODES if isinstance(error, kind))
        ) from None
    except BrokenPipeError:  # the reader (head, less) has gone: no error of ours
        sys.stderr.close()
        raise typer.Exit(0) from None
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        say(f"interrupted: {interrupted}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except Exception as error:
        # The level that was asked for, whatever else a program has done to its loggers.
        if logging.getLogger("tradingkb").getEffectiveLevel() <= logging.DEBUG:
            raise
        say(
            f"unexpected error: {type(error).__name__}: {error} "
            "(please report it; --log-level debug shows where it happened)"
        )
        raise typer.Exit(EXIT_UNEXPECTED) from None


def say(text: str) -> None:
    """One line on stderr, whatever a driver's message holds."""
    typer.secho(printable(" ".join(text.split())), fg=typer.colors.RED, err=True)


def show(text: str) -> None:
    """Text on stdout, whatever the names in it hold."""
    typer.echo(printable(text))


class Reported(Protocol):
    """What commands print: text for people, and a form for machines."""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""


def print_report(report: Reported, *, as_json: bool) -> None:
    """A report as one JSON document, or as text whose advice is commands."""
    if as_json:
        print_json(report.to_dict())
    else:
        show(as_commands(str(report)))


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    text = json.dumps(value, indent=2, default=str, allow_nan=False, ensure_ascii=False)
    typer.echo(printable_json(text))


def print_frame(frame: pl.DataFrame, *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """A frame as a JSON array, or as a table of some columns."""
    import polars as pl

    from tradingkb.plain import plain_rows

    if as_json:
        print_json([_parsed(row) for row in plain_rows(frame)])
        return
    times = [c for c, t in frame.schema.items() if isinstance(t, pl.Datetime)]
    frame = frame.with_columns(pl.col(c).dt.strftime("%Y-%m-%d %H:%M:%S") for c in times)
    _print_table(frame.select([c for c in columns or frame.columns if c in frame.columns]))


def _print_table(frame: pl.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in frame.columns:  # a run is named by its whole id
        table.add_column(
            printable(name), overflow="fold", min_width=36 if name == "run_id" else None
        )
    for row in frame.rows():
        # As text: rich would read the brackets of a reason as markup, and drop or refuse them.
        table.add_row(*(Text(printable(_cell(v))) for v in row))
    Console(width=columns_of_output()).print(table)


def columns_of_output() -> int:
    """How wide the output is: COLUMNS, else the terminal, else what a pipe gets."""
    return shutil.get_terminal_size((_PIPED_COLUMNS, 0)).columns


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    """A frame as a CSV file that a spreadsheet can open, lists with commas.

    Raises:
        ConfigurationError: it cannot be written.
    """
    import polars as pl

    from tradingkb.spreadsheet import as_cells

    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    try:
        as_cells(frame.with_columns(pl.col(lists).list.join(","))).write_csv(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error}") from None


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    """Structures are stored as JSON text: machines get them as structures."""
    from tradingkb.plain import STRUCTURES  # with Polars, which a frame has brought in

    return {
        k: json.loads(v) if k in STRUCTURES and isinstance(v, str) else v for k, v in row.items()
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
