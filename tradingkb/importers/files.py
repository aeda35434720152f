"""Reading files of trials: what cannot be read without guessing is refused."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.rejects import text_columns

_SUFFIXES: Final = (".parquet", ".csv", ".ndjson", ".jsonl")
_BLOCK: Final = 1 << 20


def read_path(given: str | Path, texts: set[str]) -> pl.DataFrame:
    """The table in a .parquet, .csv, .ndjson or .jsonl file.

    Args:
        given: the path.
        texts: columns of a CSV file that are texts whatever they look like.

    Raises:
        InvalidTrialError: no such file, an unknown format, a text file that is not UTF-8.
    """
    path = Path(given)
    if not str(given).strip() or path.is_dir():
        what = f"{path} is a folder" if str(given).strip() else "the path is empty"
        raise InvalidTrialError(what, field="trials", remedy="name a file of trials")
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidTrialError(
            f"{path.name}: files of type {suffix or 'none'!r} are not read",
            field="trials",
            remedy=f"convert it to one of {', '.join(_SUFFIXES)}",
        )
    if not path.is_file():
        raise InvalidTrialError(f"{path} does not exist", field="trials", remedy="check the path")
    if suffix == ".parquet":
        return reading(path.name, lambda: pl.read_parquet(path))
    try:
        return _csv(path, texts) if suffix == ".csv" else _ndjson(path)
    except InvalidTrialError:
        _check_encoding(path)  # if that is the cause, it says more
        raise


def reading(name: str, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """What `read` returns.

    Raises:
        InvalidTrialError: it cannot be read; `name` says what.
    """
    try:
        return read()
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise InvalidTrialError(
            f"{name} cannot be read: {error}", field="trials", remedy="check the file"
        ) from error


def _csv(path: Path, texts: set[str]) -> pl.DataFrame:
    _check_header(path)
    # Texts stay as they are written: the symbol 000001 is no number.
    overrides = dict.fromkeys(texts | text_columns(path), pl.String)
    return reading(
        path.name,
        lambda: pl.read_csv(path, infer_schema_length=None, schema_overrides=overrides),
    )


def _ndjson(path: Path) -> pl.DataFrame:
    # All rows decide a column's type: a metric may be null in the first hundred.
    return reading(path.name, lambda: pl.read_ndjson(path, infer_schema_length=None))


def _check_header(path: Path) -> None:
    """Refuses a file whose header is separated by something else than commas, or not UTF-8.

    Reading it with another separator would be a guess: decimal commas come with semicolons.
    """
    with path.open("rb") as file:
        header = file.readline()
    if b"\0" in header or not _is_utf8(header):  # Polars reads such names with replaced letters
        _check_encoding(path)
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
