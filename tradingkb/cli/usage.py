"""Mistyped commands and options: one line on stderr, as for every other error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from tradingkb.cli.output import EXIT_UNEXPECTED, say


class OneLineErrors(TyperGroup):
    """Says what is wrong with a command line in one line, without a box around it."""

    def main(
        self,
        args: Sequence[str] | None = None,
        *rest: Any,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs a command line and, unless told otherwise, exits with its code."""
        extra["standalone_mode"] = False
        if not standalone_mode:
            return super().main(args, *rest, **extra)
        try:
            code = super().main(args, *rest, **extra)
        except typer.Abort:
            sys.exit(EXIT_UNEXPECTED)
        except TyperException as error:
            if text := _line(error):
                say(f"error: {text}")
            sys.exit(error.exit_code)
        sys.exit(code if isinstance(code, int) else 0)


def _line(error: TyperException) -> str:
    """The message with near names; empty where the help has been shown instead."""
    near = getattr(error, "possibilities", None)
    text = error.message if near else error.format_message()
    if not text.strip():
        return ""
    text = text.strip().rstrip(".").replace("Value error, ", "").replace(". Did you", ", did you")
    text = text[:1].lower() + text[1:]
    hint = f", did you mean {' or '.join(sorted(near))}?" if near else ""
    context = getattr(error, "ctx", None)
    place = context.command_path if context is not None else "tradingkb"
    return f"{text}{hint} ({place} --help lists what there is)"
