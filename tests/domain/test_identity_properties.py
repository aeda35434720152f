"""Point ids and canonical parameters against computations of their own."""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
import uuid
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.trial import POINT_NAMESPACE, canonical_params, point_id

#: Texts made of what would confuse a naive way of joining them.
_MARKS = [*"a1|,:;/\\\"'[]{} \t\n\0é", "e\u0301", "\u2028", "\U0001f4c8", "ﬁ"]
awkward = st.lists(st.sampled_from(_MARKS), max_size=6).map("".join)
unicode_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
texts = awkward | unicode_texts
identities = st.tuples(texts, texts, texts)


def uuid5_by_hand(name: str) -> str:
    """RFC 9562: SHA-1 of namespace and name, with version 5 and the variant set."""
    digest = hashlib.sha1(POINT_NAMESPACE.bytes + name.encode("utf-8"), usedforsecurity=False)
    octets = bytearray(digest.digest()[:16])
    octets[6] = (octets[6] & 0x0F) | 0x50
    octets[8] = (octets[8] & 0x3F) | 0x80
    found = octets.hex()
    return "-".join((found[:8], found[8:12], found[12:16], found[16:20], found[20:]))


_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}


def json_text(text: str) -> str:
    """A JSON string with nothing escaped that need not be."""
    short = [_ESCAPES.get(c, f"\\u{ord(c):04x}" if ord(c) < 0x20 else c) for c in text]
    return '"' + "".join(short) + '"'


@given(identities)
def test_a_point_id_is_the_uuid5_of_the_identity_as_a_json_list(
    identity: tuple[str, str, str],
) -> None:
    found = point_id(*identity)
    assert found == uuid5_by_hand("[" + ", ".join(map(json_text, identity)) + "]")
    assert uuid.UUID(found).version == 5
    assert uuid.UUID(found).variant == uuid.RFC_4122


@given(st.lists(identities, min_size=2, max_size=6, unique=True))
def test_identities_that_differ_have_points_that_differ(
    many: list[tuple[str, str, str]],
) -> None:
    assert len({point_id(*identity) for identity in many}) == len(many)


@given(st.lists(awkward, min_size=3, max_size=3))
def test_a_separator_that_moves_from_one_part_to_the_next_makes_another_point(
    parts: list[str],
) -> None:
    a, b, c = parts
    for mark in ('"', '", "', ",", "|", "\\", " "):
        assert point_id(a + mark, b, c) != point_id(a, mark + b, c)
        assert point_id(a, b + mark, c) != point_id(a, b, mark + c)


@given(unicode_texts)
def test_unicode_normal_forms_of_an_id_are_different_ids(text: str) -> None:
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len({point_id("w", "import", form) for form in forms}) == len(forms)


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (("w", "import", "1"), "ea91223c-0936-5f1a-b42b-f16b7e35824a"),
        (("desk/é", "optuna", 'a"b\\c'), "2e5a9763-1b65-59e8-8321-a9d516fefb86"),
    ],
)
def test_points_written_by_earlier_releases_are_found_again(
    identity: tuple[str, str, str], expected: str
) -> None:
    assert point_id(*identity) == expected


#: No NUL, which is refused: PostgreSQL keeps none.
storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
names = st.text(storable, min_size=1, max_size=4)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
values = st.none() | st.booleans() | numbers | st.text(storable, max_size=8)
param_sets = st.dictionaries(names, values, max_size=4)


def same_value(a: Any, b: Any) -> bool:
    """Equality of parameters: True is not 1, 1.0 is 1, texts by code points."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return Fraction(a) == Fraction(b)
    return type(a) is type(b) and a == b


@given(param_sets, st.data())
def test_parameter_sets_have_one_text_exactly_when_they_are_equal(
    params: dict[str, Any], data: st.DataObject
) -> None:
    other = dict(params)
    if params and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(params)))
        near = [math.nextafter(v, 1e9)] if isinstance(v := params[name], float) else []
        other[name] = data.draw(values | st.sampled_from([*near, params[name]]))
    else:
        other = data.draw(param_sets | st.just(params))
    equal = params.keys() == other.keys() and all(
        same_value(params[name], other[name]) for name in params
    )
    assert (canonical_params(params) == canonical_params(other)) is equal


@given(st.dictionaries(names, st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6), max_size=4))
def test_a_number_has_one_text_however_it_is_spelled(params: dict[str, float]) -> None:
    expected = canonical_params(params)
    for spell in (repr, "{:.17e}".format, lambda x: f"{x!r}0" if "." in repr(x) else f"{x}.000"):
        text = ", ".join(
            f"{json_text(k)}: {spell(v) if 'e' not in repr(v) else repr(v)}"
            for k, v in reversed(params.items())
        )
        assert canonical_params(json.loads("{" + text + "}")) == expected
