"""HTML of ours around texts from anywhere, which are escaped: cards, lists and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dashboard.shared.text import markup
from dashboard.views.problems import Card, Headline
from dashboard.views.state import Line

_FRAME: Final = "border:1px solid rgba(128,128,128,.35);border-radius:.4rem;overflow-wrap:anywhere"
_CARD: Final = (
    f'<section role="alert" style="{_FRAME};border-left:.45rem solid {{colour}};'
    'padding:.6rem 1rem;margin-bottom:.6rem">'
    '<div style="font-size:.85rem"><span style="color:{colour}" aria-hidden="true">{sign}</span> '
    '<strong style="text-transform:uppercase">{severity}</strong> '
    '<span style="opacity:.75">{code}</span></div>'
    '<div style="font-size:1.15rem;font-weight:600;margin:.1rem 0">{title}</div>'
    '<div style="font-weight:600;margin-bottom:.3rem">{since}</div>'
)
_WHY: Final = '<div style="opacity:.85">{line}</div>'
_DO: Final = (
    '<div style="margin-top:.35rem"><strong>First:</strong> {first}.</div>'
    '<div style="margin-top:.15rem"><strong>Runbook:</strong> <code>{runbook}</code> '
    '<code style="font-size:.8rem">{parameters}</code></div></section>'
)
_HEADLINE: Final = (
    '<div role="status" style="font-size:1.5rem;font-weight:700;margin:.2rem 0 .4rem;'
    'overflow-wrap:anywhere"><span style="color:{colour}" aria-hidden="true">{sign}</span> '
    "{text}</div>"
)
_GROUPS: Final = (
    '<div style="display:flex;flex-wrap:wrap;gap:.6rem;align-items:stretch">{groups}</div>'
)
_GROUP: Final = (
    f'<section style="{_FRAME};flex:1 1 17rem;min-width:0;padding:.5rem .9rem">'
    '<div style="font-weight:600;margin-bottom:.2rem">{name}</div>'
)
_LINE: Final = (
    '<div style="display:flex;gap:.5rem;align-items:baseline">'
    '<span style="color:{colour};width:1rem;flex:none" aria-hidden="true">{sign}</span>'
    '<div style="min-width:0"><span>{name}:</span> <strong>{told}</strong>'
    '<div style="font-size:.8rem;opacity:.75">{more}</div></div></div>'
)
_NOTHING: Final = '<div style="opacity:.75">{text}</div>'
_TABLE: Final = (
    '<div style="overflow-x:auto"><table style="border-collapse:collapse;width:100%;'
    'font-size:.9rem">'
)
_CELL: Final = (
    '<{tag} scope="{scope}" style="text-align:{align};padding:.25rem .6rem;vertical-align:top;'
    'white-space:{wrap};border-bottom:1px solid rgba(128,128,128,.3)">{{text}}</{tag}>'
)


def headline(line: Headline) -> str:
    """The line that says whether all is well."""
    return markup(_HEADLINE, colour=line.colour, sign=line.sign, text=line.text)


def card(one: Card) -> str:
    """One problem."""
    begin = markup(
        _CARD,
        colour=one.colour,
        sign=one.sign,
        severity=one.severity,
        code=one.code,
        title=one.title,
        since=one.since,
    )
    why = "".join(markup(_WHY, line=line) for line in one.why)
    do = markup(_DO, first=one.first, runbook=one.runbook, parameters=one.parameters)
    return begin + why + do


def groups(named: Sequence[tuple[str, Sequence[Line], str]]) -> str:
    """Lists beside each other where there is room.

    Args:
        named: name, lines, and what is said where there are none.
    """
    return _GROUPS.replace("{groups}", "".join(_group(*one) for one in named))


def _group(name: str, lines: Sequence[Line], nothing: str) -> str:
    body = "".join(
        markup(
            _LINE,
            colour=line.colour,
            sign=line.sign,
            name=line.name,
            told=line.told,
            more=line.more,
        )
        for line in lines
    )
    return markup(_GROUP, name=name) + (body or markup(_NOTHING, text=nothing)) + "</section>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """A table; in one of numbers all but the first column are set to the right."""
    head = "".join(_cell("th", text, numbers and n > 0) for n, text in enumerate(header))
    body = "".join(
        "<tr>"
        + "".join(_cell("td", text, numbers and n > 0) for n, text in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"{_TABLE}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(tag: str, text: str, right: bool) -> str:
    scope = "col" if tag == "th" else "row"
    align = "right" if right else "left"
    wrap = "nowrap" if right else "normal"
    return markup(_CELL.format(tag=tag, scope=scope, align=align, wrap=wrap), text=text)
