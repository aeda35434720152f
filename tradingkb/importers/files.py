"""Reading files of trials: what cannot be read without guessing is refused."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.json_lines import read_json_lines
from tradingkb.importers.rejects import text_columns

_SUFFIXES: Final = (".parquet", ".csv", ".ndjson", ".jsonl")
_BLOCK: Final = 1 << 20


def read_path(
    given: str | Path, texts: set[str], mappings: set[str]
) -> tuple[pl.DataFrame, Sequence[tuple[int, str]]]:
    """The table in a .parquet, .csv, .ndjson or .jsonl file.

    Args:
        given: the path.
        texts: columns of a CSV file that are texts whatever they look like.
        mappings: columns of JSON lines that hold mappings.

    Returns:
        The table, and the 1-based rows that could not be read, with a message.

    Raises:
        InvalidTrialError: no such file, an unknown format, a text file that is not UTF-8.
    """
    path = Path(given)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise InvalidTrialError(
            f"{path} cannot be read: {error.strerror}", field="trials", remedy="check the path"
        ) from None
    if not str(given).strip() or is_folder:
        what = f"{path} is a folder" if str(given).strip() else "the path is empty"
        raise InvalidTrialError(what, field="trials", remedy="name a file of trials")
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidTrialError(
            f"{path.name}: files of type {suffix or 'none'!r} are not read",
            field="trials",
            remedy=f"convert it to one of {', '.join(_SUFFIXES)}",
        )
    if not is_file:
        raise InvalidTrialError(f"{path} does not exist", field="trials", remedy="check the path")
    if suffix == ".parquet":
        return reading(path.name, lambda: pl.read_parquet(path)), ()
    try:
        return (_csv(path, texts), ()) if suffix == ".csv" else read_json_lines(path, mappings)
    except (InvalidTrialError, UnicodeDecodeError, OSError) as error:
        _check_encoding(path)  # if that is the cause, it says more
        if isinstance(error, InvalidTrialError):
            raise
        raise _unreadable(path.name, error) from error


def reading(name: str, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """What `read` returns.

    Raises:
        InvalidTrialError: it cannot be read; `name` says what.
    """
    try:
        return read()
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> InvalidTrialError:
    return InvalidTrialError(
        f"{name} cannot be read: {error}", field="trials", remedy="check the file"
    )


def _csv(path: Path, texts: set[str]) -> pl.DataFrame:
    _check_header(path)
    # Texts stay as they are written: the symbol 000001 is no number.
    overrides = dict.fromkeys(texts | text_columns(path), pl.String)
    try:
        return pl.read_csv(path, infer_schema_length=None, schema_overrides=overrides)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise _ragged(path) or _unreadable(path.name, error) from error


def _ragged(path: Path) -> InvalidTrialError | None:
    """What is wrong with the first record that has not as many fields as the header, if one has."""
    start, width = 1, 0
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        records = csv.reader(file, strict=True)
        try:
            for record in records:
                width = width or len(record)
                if len(record) > width:
                    what = f"has {len(record)} fields, the header {width}"
                    return _bad_line(path, start, what)
                start = records.line_num + 1
        except csv.Error as error:
            return _bad_line(path, start, f"cannot be read ({error})")
    return None


def _bad_line(path: Path, line: int, what: str) -> InvalidTrialError:
    return InvalidTrialError(
        f"line {line} of {path.name} {what}",
        field="trials",
        remedy="correct the line: a text with commas or quotes stands in quotes",
    )


def _check_header(path: Path) -> None:
    """Refuses a file whose header has a name twice, other separators than commas, or no UTF-8.

    Reading it with another separator would be a guess: decimal commas come with semicolons.
    """
    with path.open("rb") as file:
        header = file.readline()
    if b"\0" in header or not _is_utf8(header):  # Polars reads such names with replaced letters
        _check_encoding(path)
    names = Counter(next(csv.reader([header.decode("utf-8-sig", "replace")]), []))
    if twice := [name for name, n in names.items() if n > 1 and name]:
        raise InvalidTrialError(
            f"two columns of {path.name} are named {twice[0]!r}",
            field="trials",
            remedy="rename one",
        )
    for separator, name in ((b";", "semicolons"), (b"\t", "tabs")):
        if header.count(separator) > header.count(b","):
            raise InvalidTrialError(
                f"the columns of {path.name} are separated by {name}",
                field="trials",
                remedy="save it with commas and decimal points, or read it yourself "
                "(pl.read_csv(path, separator=...)) and give the frame",
            )


def _check_encoding(path: Path) -> None:
    """Refuses a text file that is not UTF-8, with the first line at fault.

    Which encoding it has instead would be a guess: most bytes mean a letter in many of them.
    """
    decoder, lines = codecs.getincrementaldecoder("utf-8")(), 1
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode("utf-8")
                raise _not_utf8(path, lines + good.count("\n"), error.object[error.start]) from None
            if "\0" in text:
                raise _not_utf8(path, lines + text.partition("\0")[0].count("\n"), 0)
            lines += text.count("\n")
    if decoder.getstate()[0]:
        raise _not_utf8(path, lines, decoder.getstate()[0][0])


def _not_utf8(path: Path, line: int, byte: int) -> InvalidTrialError:
    return InvalidTrialError(
        f"line {line} of {path.name} is not UTF-8 (byte 0x{byte:02x})",
        field="trials",
        remedy="save it as UTF-8 (iconv -f cp1252 -t utf-8, if it comes from Windows), or read "
        'it yourself (pl.read_csv(path, encoding="cp1252")) and give the frame',
    )


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
