"""The table: a line per row, its figures, and what is wanted of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tradingkb.testing.worlds.row import Wanted
from tradingkb.testing.worlds.run import Mean, Result

#: Figures that every row shows, and the title of their column.
_COLUMNS: Final = {
    "regret": "regret",
    "plain": "plain mean's",
    "bias": "promised - true",
    "covers": "90 % covers",
    "holds": "80 % holds",
    "pbo": "PBO",
    "dsr": "DSR",
}
#: From here on only the size of a figure is of interest.
_ABSURD: Final = 1000.0
_STATUSES: Final = ("ok", "degraded", "none")
_TITLES: Final = ("world", "n", *_COLUMNS.values(), "ok/degraded/none", "wanted: found", "met")

HEAD: Final = f"| {' | '.join(_TITLES)} |\n|{' --- |' * len(_TITLES)}"
KEY: Final = """\
n: worlds drawn. regret: true mean of the best set less that of the chosen one, annualised Sharpe,
for the symbol (and the regime) asked about; plain mean's: the same of the set with the best plain
mean. 90 % covers: share of worlds in which low..high holds the chosen set's true mean. 80 % holds:
share of windows that nobody has seen in window_low..window_high. ±: standard error. ~: a bound lies
within two standard errors. excess: regret - 1.5 x plain mean's. aside: the middle of the 80 %
interval off what is expected, in half widths. right: the chosen set is one of those that may be.
raised: an exception instead of an answer. Beside the same world without what a row adds (a placebo:
asked without a regime; unseen: asked for a known symbol): same_choice; same_answer: choice,
intervals, counts, status, DSR and PBO; moved: an end of the 90 % interval, in its widths;
dsr_moved, regret_change; wider: the 90 % interval is."""


def line(result: Result) -> str:
    """One line of the table."""
    means = result.means
    shown = [_figure(means.get(name)) for name in _COLUMNS]
    statuses = [means.get(name) for name in _STATUSES]
    status = "/".join("–" if m is None else f"{m.value:.2f}".lstrip("0") or "0" for m in statuses)
    found = "; ".join(_found(result, wanted) for wanted in result.row.wanted)
    cells = [result.row.name, str(result.repeats), *shown, status, found, _met(result)]
    return f"| {' | '.join(cells)} |"


def summary(results: Sequence[Result]) -> str:
    """How many rows hold, and what they took."""
    met = sum(result.all_met for result in results)
    seconds = sum(result.seconds for result in results)
    return f"{met} of {len(results)} rows met; {seconds:.0f} s of processor time"


def _found(result: Result, wanted: Wanted) -> str:
    mean = result.means.get(wanted.figure)
    if mean is None:
        return f"{wanted}: unknown"
    n = "" if mean.n == result.repeats else f" of {mean.n}"
    mark = "" if result.met(wanted) else " ✗"
    noise = " ~" if result.within_noise(wanted) else ""
    return f"{wanted}: {mean.value:.3g} ± {mean.error:.2g}{n}{noise}{mark}"


def _figure(mean: Mean | None) -> str:
    if mean is None:
        return "–"
    form = ".3f" if abs(mean.value) < _ABSURD else ".2g"
    return f"{mean.value:{form}} ± {mean.error:{form}}"


def _met(result: Result) -> str:
    return "yes" if result.all_met else "no"
