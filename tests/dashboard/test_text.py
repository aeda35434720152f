"""Text from data is shown as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.shared.text import in_label, markup, shortened

NASTY = (
    "<script>alert(1)</script>",
    "a|b",
    "$x^2$",
    ":material/home:",
    "**bold**",
    "[a](http://b)",
)


def test_what_data_says_is_escaped_and_what_we_say_is_not():
    found = markup("<b>{name}</b>", name='<img src=x onerror="alert(1)">')
    assert found == "<b>&lt;img src=x onerror=&quot;alert(1)&quot;&gt;</b>"


def test_a_value_with_braces_is_not_formatted_again():
    assert markup("{a}", a="{b}") == "{b}"


@given(st.text(max_size=300), st.integers(10, 100))
def test_a_shortened_name_is_at_most_as_long_as_wanted_and_keeps_both_ends(text, longest):
    found = shortened(text, longest)
    assert len(found) <= longest
    assert found == text or (found[0] == text[0] and found[-1] == text[-1])


@given(st.text(max_size=60))
def test_no_character_of_a_label_means_anything_to_markdown(text):
    found = in_label(text)
    for place, character in enumerate(found):
        if character in "`*_[]<>#|$:~":
            assert found[place - 1] == "\\"


def test_no_directive_survives_in_a_label():
    assert ":material" not in in_label(":material/home:").replace("\\", "")
    assert all(name.strip() and in_label(name) for name in NASTY)
