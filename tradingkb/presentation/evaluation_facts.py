"""What an evaluation says, as words and numbers, before any markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tradingkb.presentation import format as fmt

Evaluation = Mapping[str, Any]
Row = Mapping[str, Any]

#: What shares its luck, and how it is called.
CLUSTERS: Final = {"symbol": "symbol", "as_of": "window date", "quarter": "quarter"}
_NAMED: Final = {"symbol": "symbols", "as_of": "window dates", "quarter": "quarters"}
#: Whose interval the tables quote where there is room for one.
CHOSEN: Final = "symbol"
#: What a method is compared with, and how it is called.
REFERENCES: Final = {
    "average": "the plain average",
    "average_others": "the average of other symbols",
    "defaults": "the defaults",
    "is_best": "the in-sample best",
}
_NAMES: Final = {**REFERENCES, "tradingkb": "the recommender", "knn": "the nearest windows"}
#: Methods that should add nothing.
CONTROLS: Final = ("placebo", "random_windows")
#: Fewer clusters than this are said to be few.
FEW_CLUSTERS: Final = 30


def method_row(e: Evaluation, method: str) -> Row | None:
    """A method's row; None where it is not in the table."""
    return next((row for row in e["table"] if row["method"] == method), None)


def mark(e: Evaluation, method: str) -> str:
    """Whether a method sees what nobody could know, or is a control; "" for the others."""
    if method in e["impossible"]:
        return "hindsight"
    return "control" if method in CONTROLS else ""


def marked(e: Evaluation, method: str) -> str:
    """A method's name with its `mark`: stated (hindsight)."""
    said = mark(e, method)
    return f"{method} ({said})" if said else method


def bounds(row: Row, reference: str, cluster: str = CHOSEN) -> tuple[float, float] | None:
    """The 95 % interval of a difference; None where there is none."""
    low, high = (
        fmt.finite(row.get(f"vs_{reference}_{side}_{cluster}")) for side in ("low", "high")
    )
    return None if low is None or high is None else (low, high)


def change(value: Any) -> str:
    """A difference of regrets, with its sign: +0.013; "" where it is unknown."""
    known = fmt.finite(value)
    if known is None:
        return ""
    text = f"{known:+.3f}"
    return text if text.strip("+-0.") else "0.000"


def interval(row: Row, reference: str, cluster: str = CHOSEN) -> str:
    """-0.022 to -0.004; "" where there is none."""
    found = bounds(row, reference, cluster)
    return f"{change(found[0])} to {change(found[1])}" if found else ""


def difference(row: Row, reference: str, cluster: str = CHOSEN) -> str:
    """-0.013 (-0.022 to -0.004), the 95 % interval over clusters."""
    value = fmt.finite(row.get(f"vs_{reference}"))
    if value is None or row["method"] == reference:
        return ""
    within = interval(row, reference, cluster)
    return f"{change(value)} ({within})" if within else change(value)


def number(value: Any, digits: int, *, signed: bool = False) -> str:
    """A number of fixed digits; an empty text where it is unknown."""
    known = fmt.finite(value)
    return "" if known is None else f"{known:{'+' if signed else ''}.{digits}f}"


def share(value: Any, digits: int = 0) -> str:
    """55 %; an empty text where it is unknown."""
    return "" if fmt.finite(value) is None else fmt.percent(value, digits)


def earned(e: Evaluation, row: Row) -> str:
    """The mean of the objective in its unit, with its sign."""
    if e["unit"] != "fraction":
        return number(row["objective"], 3, signed=True)
    known = fmt.finite(row["objective"])
    return "" if known is None else f"{100 * known:+.2f} %"


def objective_name(e: Evaluation) -> str:
    """The objective with the unit that shown values carry."""
    unit = "%" if e["unit"] == "fraction" else e["unit"]
    return f"{e['objective']} ({unit})" if unit else str(e["objective"])


def summary_sentence(e: Evaluation) -> str:
    """What was replayed, in one sentence."""
    return (
        f"{fmt.count(e['n_decisions'], 'decision')} ({e['n_common']:,} that every method made) on "
        f"{fmt.count(e['n_windows'], 'window')} of {fmt.count(e['n_symbols'], 'symbol')} in "
        f"{fmt.count(e['n_quarters'], 'quarter')}, judged by {e['objective']}"
    )


def verdict(e: Evaluation) -> str:
    """Whether the recommender is better than the average and the defaults, as far as it shows.

    A difference counts where its interval leaves out zero; that is said for symbols, dates and
    quarters where they disagree.
    """
    mine = method_row(e, "tradingkb")
    found = [standing(mine, r) for r in ("average", "defaults", "is_best")] if mine else []
    known = [text for text in found if text]
    if not known:
        return "There are too few symbols and dates to tell the methods apart."
    names = listed([over(e, c) for c in CLUSTERS])
    return f"The recommender is {'; '.join(known)} (95 % intervals over {names})."


def standing(row: Row, reference: str) -> str:
    """Better than, worse than or not told apart from a reference; "" without any interval."""
    found = {name: bounds(row, reference, c) for c, name in CLUSTERS.items()}
    side = {name: _side(*within) for name, within in found.items() if within}
    if not side or row["method"] == reference:
        return ""
    name = _NAMES.get(reference, reference)
    apart = [cluster for cluster, way in side.items() if way]
    if not apart:
        return f"not told apart from {name}"
    word = "better" if side[apart[0]] < 0 else "worse"
    rest = [cluster for cluster in side if cluster not in apart]
    but = f" by {_either(apart)}, but not by {_either(rest)}" if rest else ""
    return f"{word} than {name}{but}"


def _side(low: float, high: float) -> int:
    return -1 if high < 0 else int(low > 0)


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)


def cluster_counts(e: Evaluation) -> dict[str, int]:
    """How many clusters of each kind stand behind the intervals, where that is known."""
    found = e.get("n_clusters") or {}
    return {cluster: found[cluster] for cluster in CLUSTERS if cluster in found}


def over(e: Evaluation, cluster: str = CHOSEN) -> str:
    """What an interval is over, with its number where that is known: 5 symbols."""
    counts = cluster_counts(e)
    return fmt.count(counts[cluster], CLUSTERS[cluster]) if cluster in counts else _NAMED[cluster]


def caution(e: Evaluation) -> str:
    """Which intervals rest on few clusters; "" where none does."""
    few = [over(e, c) for c, n in cluster_counts(e).items() if n < FEW_CLUSTERS]
    if not few:
        return ""
    return (
        f"Few clusters: {listed(few)}. Their intervals are wider for it (Student's t), and say "
        "nothing of symbols and times unlike these."
    )


def listed(names: Sequence[str]) -> str:
    """One, two and three."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def all_exact(e: Evaluation) -> bool:
    """Whether every outcome is the chosen set's own."""
    return all(row.get("exact") in (None, 1.0) for row in e["table"])


def exact_count(row: Row) -> str:
    """How many outcomes are exact, and the others, looked up from near sets: 90 of 486."""
    known = fmt.finite(row.get("exact"))
    return "" if known is None else f"{round(known * row['n']):,} of {row['n']:,}"


def exact_difference(row: Row) -> str:
    """-0.013 (-0.022 to -0.004; 90 decisions of 5 symbols), where both results are exact."""
    value = fmt.finite(row.get("exact_vs_average"))
    if value is None or row["method"] == "average":
        return ""
    low, high = (fmt.finite(row.get(f"exact_vs_average_{s}_{CHOSEN}")) for s in ("low", "high"))
    behind = f"{fmt.count(row['exact_n'], 'decision')} of " + fmt.count(
        row[f"exact_n_{CHOSEN}"], CLUSTERS[CHOSEN]
    )
    within = "" if low is None or high is None else f"{change(low)} to {change(high)}; "
    return f"{change(value)} ({within}{behind})"
