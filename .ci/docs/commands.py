"""The page of the commands: each with its options and one example, from the command line's help."""

from __future__ import annotations

import tomllib
import typing
from pathlib import Path
from typing import Any

from pages import code, table

#: One example or more of each command; the tests run them in the order of the page.
EXAMPLES = Path(__file__).with_name("examples.toml")


def command_list() -> str:
    """A table of the commands, from their help."""
    rows = [
        (
            f"[`tradingkb {name}`](#tradingkb-{name.replace(' ', '-')})",
            command.get_short_help_str(limit=200),
        )
        for name, command in _commands().items()
    ]
    return table(("command", "what it does"), rows)


def shared_options() -> str:
    """A table of the options that stand before a command."""
    return _options(_group())


def command_details() -> str:
    """For each command its help, arguments and options, and an example."""
    examples = tomllib.loads(EXAMPLES.read_text(encoding="utf-8"))
    return "\n\n".join(
        _details(name, command, examples.get(name, "")) for name, command in _commands().items()
    )


def exit_codes() -> str:
    """A table of the exit codes, from the sentence at the end of the command line's help."""
    return table(("code", "meaning"), [(f"`{c}`", meaning) for c, meaning in exit_code_meanings()])


def exit_code_meanings() -> list[tuple[str, str]]:
    """Each exit code with its meaning."""
    from tradingkb.cli.output import EPILOG

    parts = EPILOG.partition(":")[2].strip(" .").split(";")
    pairs = (part.strip().partition(" ") for part in parts)
    return [(number, meaning) for number, _, meaning in pairs]


def _commands() -> dict[str, Any]:
    """Each command by its words; those of a group after the group's name."""
    return {
        f"{name} {inner}" if inner else name: command
        for name, found in _group().commands.items()
        for inner, command in getattr(found, "commands", {"": found}).items()
    }


def _group() -> Any:
    from typer.main import get_command

    from tradingkb.cli.app import app

    return get_command(app)


def _details(name: str, command: Any, example: str) -> str:
    arguments = [_argument(p) for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([f"tradingkb {name}", *arguments, "[OPTIONS]"])
    lines = [f"## tradingkb {name}", "", f"`{usage}`", "", _help(command), "", _options(command)]
    if example.strip():
        lines += ["", "```bash", example.strip(), "```"]
    return "\n".join(lines)


def _help(command: Any) -> str:
    paragraphs = (command.help or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _options(command: Any) -> str:
    shown = [p for p in command.params if p.name not in _SHELL]
    return table(("argument or option", "default", "meaning"), [_row(p) for p in shown])


#: Options that every command line of its kind has.
_SHELL = ("help", "install_completion", "show_completion")
_WORDS = {bool: "", float: "NUMBER", int: "INTEGER", Path: "PATH", str: "TEXT"}


def _row(parameter: Any) -> tuple[str, str, str]:
    if parameter.param_type_name == "argument":
        return code(_argument(parameter)), "", parameter.help or ""
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    flag, default = parameter.is_flag, parameter.default
    shown = "" if flag or default is None else code(default)
    needed = "needed" if parameter.required else shown
    return (
        code(f"{names} {'' if flag else _values(parameter)}".strip()),
        needed,
        parameter.help or "",
    )


def _values(parameter: Any) -> str:
    """What an option takes: its choices, or the kind of value."""
    kind = parameter.type_descriptor.annotation
    if typing.get_origin(kind) is list:
        (kind,) = typing.get_args(kind)
    choices = typing.get_args(kind)
    return "|".join(map(str, choices)) if choices else _WORDS.get(kind, "VALUE")


def _argument(parameter: Any) -> str:
    name = parameter.name.upper() + ("..." if parameter.nargs != 1 else "")
    return name if parameter.required else f"[{name}]"
