"""HTML of others shows what it shows, runs nothing, and ends where it is put."""

from __future__ import annotations

import pytest

from tradingkb.presentation import Table
from tradingkb.presentation.foreign_html import foreign_html


def test_a_table_of_ours_stays_as_it_is() -> None:
    html = Table([{"a <b>": 1, "c": "x & y"}], "Both (n = 1)")._repr_html_()
    assert foreign_html(html).replace("&#x27;", "'") == html


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<p>a<script>alert(1)</script>b", "<p>ab</p>"),
        ("<style>.banner{display:none}</style>a", "a"),
        ('<meta http-equiv="refresh" content="0;url=https://evil.example/">a', "a"),
        ("</div></main>a", "a"),
        ("<div><b>a</div>b</b>", "<div><b>a</b></div>b"),
        ("<plaintext>a", "a"),
        (
            "<p onclick='x()' class=note style='color: red'>",
            '<p class="note" style="color: red"></p>',
        ),
        ("<div style='POSITION : fixed'>", "<div></div>"),
        ("<a href=' java\nscript:x()'>a</a>", "<a>a</a>"),
        ("<a href='https://a/?b&c'>a</a>", '<a href="https://a/?b&amp;c">a</a>'),
        ("<img src='http://a/b.png'><br/>", "<img><br>"),
        ("<img src='data:image/png;base64,aa'>", '<img src="data:image/png;base64,aa">'),
        ("<iframe srcdoc='<script>x()</script>'></iframe>", ""),
        ("a &lt;b&gt; &amp;", "a &lt;b&gt; &amp;"),
    ],
)
def test_only_what_shows_something_is_kept_and_all_of_it_is_ended(given: str, kept: str) -> None:
    assert foreign_html(given) == kept


@pytest.mark.parametrize("given", ["<!-- ", "<script src='x' a=\"", "<![CDATA[", "<?x", "a<", "<b"])
def test_what_has_no_end_swallows_nothing_that_comes_after_it(given: str) -> None:
    found = foreign_html(given)
    assert "<" not in found
    assert found.count('"') == 0


def test_a_page_of_a_hundred_megabytes_opens_nowhere() -> None:
    assert foreign_html("x" * 2_000_001) == "<p>HTML of 2,000,001 characters is left out.</p>"
