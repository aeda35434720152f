"""What a regime is made of: its features and its tags."""

from __future__ import annotations

from pages import code, table


def features() -> str:
    """A table of the features of a regime."""
    from tradingkb.domain import FEATURE_INFO

    rows = [
        (code(i.name), i.unit, f"{i.low:.3g} to {i.high:.3g}", i.meaning, i.source)
        for i in FEATURE_INFO.values()
    ]
    return table(("feature", "unit", "values", "meaning", "source"), rows)


def tags() -> str:
    """A table of the tags: when each fires, what it excludes, and why."""
    from tradingkb.domain.regime_tags import TAG_RULES

    rows = [
        (
            code(rule.tag),
            " and ".join(code(f"{name} {sign} {value:g}") for name, sign, value in rule.all_of),
            ", ".join(code(tag) for tag in rule.excludes),
            rule.why,
        )
        for rule in TAG_RULES
    ]
    return table(("tag", "fires when", "excludes", "why"), rows)
