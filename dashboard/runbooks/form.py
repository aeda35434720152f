"""The form of a runbook, made from the parameters of its notebook; it stands in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboard.shared import scope
from dashboard.shared.look import BAD
from dashboard.shared.text import in_label, say, shortened
from dashboard.views import runbooks as shaped
from dashboard.views.numbers import literal
from dashboard.views.runbooks import Field, Opens

#: Pixels of a field; fields that do not fit beside one another wrap.
_WIDTH: Final = 300
_WRONG: Final = '<p role="alert" style="color:{colour};font-size:.9rem;margin:0">{{text}}</p>'
_NOTE: Final = '<p style="opacity:.8;font-size:.9rem;margin:0">{text}</p>'
#: Meanings are written in one line of a notebook.
_LONGEST: Final = 300


def fill(catalogue: Sequence[Mapping[str, Any]], opens: Opens) -> list[str]:
    """Opens the form like this; to be called before its widgets are made, as in a callback.

    Returns:
        What had no place in it.
    """
    state = st.session_state
    slug = scope.slug_of(opens.workspace) if opens.workspace else None
    if slug is not None:
        state["workspace"] = slug
    for key in [str(key) for key in state if shaped.is_key(str(key))]:
        del state[key]
    state["runbook"] = opens.runbook
    book = shaped.found(catalogue, opens.runbook)
    elsewhere = [f"workspace={opens.workspace}"] if opens.workspace and slug is None else []
    if book is None:
        return elsewhere
    held, lost = shaped.filled(shaped.fields(book), opens)
    for key, value in held.items():
        state[key] = value
    return [*elsewhere, *lost]


def show(of: Sequence[Field], wrong: Mapping[str, str]) -> dict[str, Any]:
    """Shows the fields; what they say.

    Args:
        of: the form.
        wrong: what is wrong, by field.
    """
    if not of:
        say(_NOTE, text="It has no parameters of its own.")
        return {}
    held: dict[str, Any] = {}
    with st.container(horizontal=True, vertical_alignment="top"):
        for field in of:
            with st.container(width=_WIDTH):
                held[field.key] = _widget(field)
                if field.name in wrong:
                    say(_WRONG.format(colour=BAD), text=wrong[field.name])
    return shaped.given(of, held)


def _widget(field: Field) -> Any:
    # Names of variables mean nothing to Markdown, and programs that read pages aloud get the label
    # as it is written here: with what escapes it, if anything did.
    label = field.name + (" *" if field.required else "")
    common: dict[str, Any] = {
        "key": field.key,
        "bind": "query-params",
        "help": in_label(field.meaning, _LONGEST),
    }
    if field.kind == "flag":
        return st.checkbox(label, value=bool(field.default), **common)
    common["placeholder"] = _placeholder(field)
    if field.kind == "choice":
        index = field.choices.index(field.default) if field.default in field.choices else None
        return st.selectbox(label, field.choices, index=index, **common)
    if field.kind in ("whole", "number"):
        whole = field.kind == "whole"
        shape = {"step": 1} if whole else {"format": "%.6g"}
        return st.number_input(label, value=field.default, **shape, **common)
    if field.kind == "date":
        del common["placeholder"]
        return st.date_input(label, value=field.default, **common)
    return st.text_input(label, value=field.default or "", max_chars=2000, **common)


def _placeholder(field: Field) -> str:
    """What an empty field says; it is shown as it is written."""
    if field.required:
        shown = "needed"
    else:
        shown = "none" if field.optional else shortened(literal(field.default), 40)
    return f"{shown}, or such as {shaped.A_TIME}" if field.kind == "time" else shown
