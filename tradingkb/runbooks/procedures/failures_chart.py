"""Charts of 08: in which state each circuit was, and how many calls were made again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tradingkb.runbooks.procedures.drawing import BLUE, BREAKER, GREY, ORANGE, YELLOW, axis, layout

if TYPE_CHECKING:
    from tradingkb.runbooks.procedures.failures_found import Failures

#: What a circuit was before a change to a state that only one other leads to.
_BEFORE: Final = {"half_open": "open", "closed": "half_open", "open": "closed"}
_SERVICES: Final = {"db": BLUE, "qdrant": ORANGE, "ollama": YELLOW, "redis": GREY}
_A_MOMENT: Final = timedelta(seconds=1)
_WORDS: Final = {"closed": "closed", "open": "open", "half_open": "half open"}


def timeline(found: Failures, now: datetime | None = None) -> Any:
    """Which state each circuit was in, from change to change; a Plotly figure."""
    import plotly.graph_objects as go

    now = now or datetime.now(UTC)
    figure = go.Figure()
    pieces = list(segments(found, now))
    for state, colour in BREAKER.items():
        mine = [piece for piece in pieces if piece[1] == state]
        bar = go.Bar(
            base=[begin for _, _, begin, _ in mine],
            x=[(end - begin).total_seconds() * 1000 for _, _, begin, end in mine],
            y=[name for name, *_ in mine],
            name=_WORDS[state],
            orientation="h",
            marker_color=colour,
            customdata=[f"{(end - begin).total_seconds():,.0f} s" for _, _, begin, end in mine],
            hovertemplate=f"%{{y}} {_WORDS[state]} for %{{customdata}}<extra></extra>",
        )
        figure.add_trace(bar)
    names = sorted({name for name, *_ in pieces})
    title = f"Circuits since {found.since:%Y-%m-%d %H:%M} UTC (n = {len(pieces)} states)"
    height = 170 + 32 * max(1, len(names))
    figure.update_layout(layout(title, height=height, barmode="overlay"))
    figure.update_xaxes(axis("time, UTC", type="date", range=[found.since, now]))
    figure.update_yaxes({"categoryarray": names, "automargin": True, "autorange": "reversed"})
    if not pieces:
        _say(figure, "no circuit changed its state")
    return figure


def retries(found: Failures) -> Any:
    """Calls that were made again, by minute and service; a Plotly figure."""
    import plotly.graph_objects as go
    import polars as pl

    figure = go.Figure()
    n = 0
    if found.changes is not None and found.changes.height:
        by_minute = (
            found.changes.filter(pl.col("retries") > 0)
            .group_by(pl.col("at").dt.truncate("1m"), "service")
            .agg(pl.col("retries").sum())
            .sort("at")
        )
        n = int(by_minute["retries"].sum())
        for service, colour in _SERVICES.items():
            mine = by_minute.filter(pl.col("service") == service)
            if mine.height:
                bar = go.Bar(
                    x=mine["at"].to_list(),
                    y=mine["retries"].to_list(),
                    name=service,
                    marker_color=colour,
                    width=50_000,
                )
                figure.add_trace(bar)
    title = f"Calls that were made again (n = {n})"
    figure.update_layout(layout(title, height=280, barmode="stack"))
    figure.update_xaxes(axis("time, UTC", type="date", range=[found.since, datetime.now(UTC)]))
    figure.update_yaxes(axis("retries in a minute", rangemode="tozero"))
    if not n:
        _say(figure, "no call was made again")
    return figure


def segments(found: Failures, now: datetime) -> Iterator[tuple[str, str, datetime, datetime]]:
    """Replica and service, state, begin and end of each state since a time."""
    import polars as pl

    if found.changes is None or found.changes.is_empty():
        return
    living = {(one.replica, one.service) for one in found.circuits}
    changed = found.changes.filter(pl.col("changed")).sort("at")
    for (replica, service), rows in changed.group_by("replica", "service", maintain_order=True):
        name = f"{replica}: {service}"
        told = list(rows.select("at", "state").iter_rows())
        yield name, _BEFORE[told[0][1]], found.since, told[0][0]
        # How long the state of a replica that is gone lasted nobody knows.
        last = now if (str(replica), str(service)) in living else told[-1][0] + _A_MOMENT
        ends = [*(at for at, _ in told[1:]), last]
        for (at, state), end in zip(told, ends, strict=True):
            yield name, state, at, end


def _say(figure: Any, text: str) -> None:
    where = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
    figure.add_annotation(text=text, showarrow=False, **where)
