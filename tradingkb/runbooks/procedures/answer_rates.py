"""Answers of a time: how many were none or degraded, when, of which strategies, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import NotFoundError
from tradingkb.monitoring import SHARES
from tradingkb.runbooks.procedures.drawing import GREY, axis, bars, layout

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.monitoring import Problem
    from tradingkb.runbooks.book import Run

#: Answers that are looked at one by one, the newest.
MOST: Final = 1000
#: The worst last.
_GRAVE: Final = ("info", "warning", "critical")
#: Of each status, as on the dashboard; the palette of Okabe and Ito.
COLOURS: Final[Mapping[str, str]] = {"none": "#d96c00", "degraded": "#e8c04a", "ok": "#12936f"}


@dataclass(frozen=True)
class Cause:
    """Why answers are not ok, by the operating procedures' table.

    Attributes:
        key: short name.
        what: the root cause.
        codes: reasons that name it.
        action: what to do about it.
    """

    key: str
    what: str
    codes: frozenset[str]
    action: str


@dataclass(frozen=True)
class Answers:
    """The answers of a time that have a status.

    Attributes:
        status: that is looked at.
        since: from when, as given; None for the last 24 hours.
        rates: at (hour), strategy_name, status, count and what else `kb.event_rates` says; all
            statuses, probes left out.
        events: the newest of the status, as of `kb.events()`; probes left out.
    """

    status: str
    since: str | None
    rates: pl.DataFrame
    events: pl.DataFrame

    @property
    def n(self) -> int:
        """Answers of all statuses."""
        return int(self.rates["count"].sum())

    @property
    def found(self) -> int:
        """Answers of the status."""
        import polars as pl

        return int(self.rates.filter(pl.col("status") == self.status)["count"].sum())

    @property
    def share(self) -> float:
        """Their share, 0 to 1; 0 without answers."""
        return self.found / self.n if self.n else 0.0


def answers_of(run: Run, status: str, *, since: str | None, strategy: str | None) -> Answers:
    """Reads the answers of a time.

    Args:
        run: of the runbook.
        status: that is looked at.
        since: ISO time, UTC; None, or an empty text, for the last 24 hours.
        strategy: of this one only; None, or an empty text, for all.

    Raises:
        InvalidInputError: no time.
        NotFoundError: a strategy that has no trials, no spec and no answers; names those near.
    """
    import polars as pl

    kb, space, since = run.kb, run.workspace, since or None
    rates = kb.event_rates(space, since, bucket="hour", by=("strategy_name",))
    # As rates count: from the beginning of an hour.
    begin: Any = since if rates.is_empty() else rates["at"].min()
    where = {"status": status} | ({"strategy_name": strategy} if strategy else {})
    events = _newest(kb, space, where, begin)
    if strategy:
        rates = rates.filter(pl.col("strategy_name") == strategy)
        _check_strategy(run, strategy, asked=not (rates.is_empty() and events.is_empty()))
    return Answers(status, since, rates, events)


def _check_strategy(run: Run, name: str, *, asked: bool) -> None:
    """Refuses a name that nothing is known of: no answer of it would look like a healthy one."""
    known = [] if asked else run.kb.strategies(run.workspace)["strategy_name"].to_list()
    if not asked and name not in known:
        raise NotFoundError("strategy", name, known)


def _newest(
    kb: KnowledgeBase, workspace: str, where: Mapping[str, str], since: Any
) -> pl.DataFrame:
    """The newest answers, `MOST` at most, however many probes were asked between them."""
    import polars as pl

    asked = pl.col("source").ne_missing("probe")
    page = kb.event_page(workspace, where, limit=MOST, since=since)
    found = page.rows.filter(asked)
    while found.height < MOST and page.next is not None:
        page = kb.event_page(workspace, where, limit=MOST, after=page.next, since=since)
        found = pl.concat([found, page.rows.filter(asked)])
    return found.head(MOST)


def open_problem(kb: KnowledgeBase, workspace: str, alert: str) -> Problem | None:
    """The alert, if it is open now; circuits and checks are other problems."""
    return next((one for one in kb.problems(workspace).open if one.code == alert), None)


def find_share(run: Run, answers: Answers, alert: str) -> str:
    """Notes how many answers have the status, and whether the alert is open.

    Returns:
        How severe it is: "warning" beyond the share that may have the status, or worse where the
        open alert is; else "info". An alert may be of severity "info": that share stays open.
    """
    problem = open_problem(run.kb, run.workspace, alert)
    budget = next(rule.budget for rule in SHARES if rule.status == answers.status)
    beyond: str = "warning" if answers.share > budget else "info"
    severity: Any = max(beyond, problem.severity if problem else "info", key=_GRAVE.index)
    run.find(
        f"{answers.found:,} of {answers.n:,} answers are {answers.status}"
        + (f", and {alert} is open" if problem else ""),
        severity,
        share=round(answers.share, 4),
        may_be=budget,
        **({} if problem is None else {"since": problem.since_text(), "title": problem.title}),
    )
    return str(severity)


def by_strategy(answers: Answers) -> pl.DataFrame:
    """strategy_name, answers, those of the status, share (0 to 1): the most first."""
    import polars as pl

    ours = pl.when(pl.col("status") == answers.status).then("count").otherwise(0)
    counted = answers.rates.group_by("strategy_name").agg(
        pl.col("count").sum().alias("answers"), ours.sum().alias(answers.status)
    )
    share = pl.col(answers.status) / pl.col("answers")
    return counted.with_columns(share=share.round(4)).sort(-pl.col(answers.status), "strategy_name")


def rate_figure(answers: Answers) -> Any:
    """Shares of the answers by hour and status, with the shares above which the alert fires."""
    import plotly.graph_objects as go
    import polars as pl

    sums = answers.rates.group_by("at", "status").agg(pl.col("count").sum())
    totals = sums.group_by("at").agg(pl.col("count").sum().alias("n"))
    shares = sums.join(totals, on="at").with_columns(share=100 * pl.col("count") / pl.col("n"))
    figure = go.Figure()
    for status, colour in COLOURS.items():
        rows = shares.filter(pl.col("status") == status).sort("at")
        figure.add_bar(
            x=rows["at"].to_list(),
            y=rows["share"].to_list(),
            customdata=rows.select("count", "n").rows(),
            name=status,
            marker_color=colour,
            hovertemplate="%{y:.0f} % (%{customdata[0]} of %{customdata[1]})",
        )
    for rule in SHARES:
        if rule.status == answers.status:
            figure.add_hline(
                y=100 * rule.threshold,
                line={"dash": "dash", "color": GREY},
                annotation_text=f"{rule.severity}: {rule.status} above "
                f"{100 * rule.threshold:.0f} % in {rule.long_s // 3600} h",
                annotation={"x": 0, "xanchor": "left", "yanchor": "bottom"},
            )
    figure.update_layout(
        layout(f"Answers by status (n = {answers.n:,})", height=380, barmode="stack")
    )
    figure.update_xaxes(axis("hour (UTC)"))
    figure.update_yaxes(axis("share of answers, %", range=[0, 108]))
    return figure


def codes(value: Any) -> list[str]:
    """Codes of one answer, each once."""
    return list(dict.fromkeys(json.loads(value or "[]")))


def reasons(answers: Answers) -> pl.DataFrame:
    """Reasons of the answers, the most frequent first: reason (code), answers, share, meaning."""
    import polars as pl

    from tradingkb.recommend import CODES

    counted = Counter(code for text in answers.events["reasons"] for code in codes(text))
    n = answers.events.height
    rows = [
        (code, count, round(count / n, 4), CODES[code].meaning if code in CODES else code)
        for code, count in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    schema = {"reason": pl.String, "answers": pl.Int64, "share": pl.Float64, "meaning": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def root_causes(answers: Answers, causes: Sequence[Cause], *, other: str) -> pl.DataFrame:
    """How often each root cause is named; an answer may name several, or none of these.

    Args:
        answers: that were read.
        causes: root causes with their reasons, the most urgent first.
        other: key of what names none of them.

    Returns:
        cause (key), root_cause, answers that name it, alone (answers that name nothing else),
        strategies (those that have it most, with their answers), action.
    """
    import polars as pl

    named = [
        (row["strategy_name"], [c.key for c in causes if c.codes & set(codes(row["reasons"]))])
        for row in answers.events.select("strategy_name", "reasons").to_dicts()
    ]
    listed = [(c.key, c.what, c.action) for c in causes]
    listed.append((other, "something else", "look at the reasons above"))
    rows = []
    for key, what, action in listed:
        mine = [(name, keys) for name, keys in named if key in (keys or [other])]
        alone = sum(len(keys) <= 1 for _, keys in mine)
        most = Counter(name for name, _ in mine).most_common(3)
        strategies = ", ".join(f"{name} ({n:,})" for name, n in most)
        rows.append((key, what, len(mine), alone, strategies, action))
    schema = {
        "cause": pl.String,
        "root_cause": pl.String,
        "answers": pl.Int64,
        "alone": pl.Int64,
        "strategies": pl.String,
        "action": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("answers") > 0)


def cause_figure(causes: pl.DataFrame, answers: Answers) -> Any:
    """Answers by root cause."""
    n = answers.events.height
    title = f"Why answers are {answers.status} (n = {n:,}; one may name several causes)"
    return bars(dict(causes.select("root_cause", "answers").iter_rows()), title, "answers")


def rejections(run: Run, answers: Answers, strategy: str | None) -> pl.DataFrame:
    """What strict filters turned away, of all answers of the time, what saves most first.

    Returns:
        strategy_name, filter, asked (answers with the filter), fails and fails_only (trials per
        answer that fail it, and that fail nothing else), saved (answers that were not ok, and to
        which relaxing this filter alone was recommended as enough).
    """
    import polars as pl

    table = run.kb.rejections(run.workspace, answers.since)
    if strategy:
        table = table.filter(pl.col("strategy_name") == strategy)
    return (
        table.filter(pl.col("asked") > 0)
        .select(
            "strategy_name",
            "filter",
            "asked",
            fails=(pl.col("trials") / pl.col("asked")).round(1),
            fails_only=(pl.col("trials_only") / pl.col("asked")).round(1),
            saved="saved",
        )
        .filter(pl.col("fails") > 0)
        .sort(-pl.col("saved"), -pl.col("fails_only"), "strategy_name", "filter")
    )
