"""Commands that can be pasted into a shell, whatever their words hold."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Final

_OWN: Final = {"\n": "\\n", "\t": "\\t", "'": "\\'", "\\": "\\\\"}


def command_line(words: Iterable[str]) -> str:
    """The words as one line that bash and zsh read back as they are."""
    return " ".join(map(quoted, words))


def quoted(word: str) -> str:
    r"""One word of a command; with what a terminal would obey spelled out: $'a\nb'."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_spelled, word))}'"


def _spelled(char: str) -> str:
    if char in _OWN or char.isprintable():
        return _OWN.get(char, char)
    number = ord(char)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
