"""What each runbook says of itself, and its parameters."""

from __future__ import annotations

from pages import code, table

from tradingkb.runbooks import Parameter, Runbook, runbooks


def catalogue() -> str:
    """A table of all runbooks."""
    rows = [
        (
            f"[{code(one.name)}](#{one.name})",
            one.title,
            ", ".join(map(code, one.alerts)) or "none",
            "changes things" if one.destructive else "only reads",
        )
        for one in runbooks()
    ]
    return table(("runbook", "what it is for", "alerts that lead here", "with dry_run=false"), rows)


def details() -> str:
    """A section for each runbook."""
    return "\n\n".join(map(_section, runbooks()))


def _section(one: Runbook) -> str:
    link = f"../runbooks/{one.path.name}"
    return "\n\n".join(
        (
            f"### {one.name}",
            f"[{one.title}]({link}). {_line(one.purpose)}",
            f"**When.** {_line(one.when)}",
            f"**Changes.** {_line(one.changes)}",
            f"**Undo.** {_line(one.undo)}",
            table(("parameter", "type", "default", "meaning"), [_row(p) for p in one.parameters]),
        )
    )


def _row(one: Parameter) -> tuple[str, ...]:
    default = "(required)" if one.required else code(repr(one.default))
    return code(one.name), code(one.type), default, one.meaning


def _line(text: str) -> str:
    return " ".join(text.split())
