"""Runbook 05: many answers are degraded. By which pattern, of which strategies, and what helps."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tradingkb.runbooks.book import command_line
from tradingkb.runbooks.procedures import answer_rates, none_triage
from tradingkb.runbooks.procedures.answer_rates import Answers, Cause
from tradingkb.runbooks.procedures.drawing import axis, layout
from tradingkb.runbooks.procedures.index_state import FAILURES, REBUILD

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.runbooks.book import Run

ALERT: Final = "KbStatusDegraded"
#: By the operating procedures; what they do not name comes after it.
PATTERNS: Final = (
    Cause(
        "metadata_only",
        "Vector search failing",
        frozenset(
            {"metadata_only", "no_embedding_available", "collection_empty", "vectors_outdated"}
        ),
        "check the health of the vector index and the embedder: the urgent one",
    ),
    Cause(
        "strict_to_relaxed",
        "Strict filters too aggressive",
        frozenset({"strict_to_relaxed", "no_matches_after_strict_filters"}),
        "review the filter thresholds: which one, the rejections below say",
    ),
    Cause(
        "repaired_params",
        "Missing or invalid parameters",
        frozenset({"repaired_params"}),
        "data quality: compare the trials with the strategy's spec",
    ),
    Cause(
        "low_count",
        "Insufficient training data",
        frozenset({"few_candidates", "few_windows", "one_quarter", "no_trials_of_timeframe"}),
        "ingest more trials of the strategy, from more windows",
    ),
    Cause(
        "missing_regime_context",
        "Missing regime context",
        frozenset({"missing_regime_context", "flat_prices"}),
        "the callers give no market, or bars that hardly move: have them pass ohlcv or regime",
    ),
    Cause(
        "expected_loss",
        "The evidence speaks against the strategy",
        frozenset({"expected_loss"}),
        "consider not trading it in this market",
    ),
    Cause(
        "in_sample_only",
        "Only in-sample results",
        frozenset({"in_sample_only"}),
        "ingest out-of-sample results: in-sample scores are flattered by the search",
    ),
)
OTHER: Final = "other"
#: Strategies that a sentence names.
_NAMED: Final = 3
#: A market as tags: what a caller expects of it.
_EXAMPLE: Final = "uptrend,low_volatility"


def look(run: Run, *, since: str | None, strategy: str | None) -> Answers:
    """Reads the answers, and notes how many are degraded."""
    answers = answer_rates.answers_of(run, "degraded", since=since, strategy=strategy)
    answer_rates.find_share(run, answers, ALERT)
    return answers


def patterns(run: Run, answers: Answers) -> pl.DataFrame:
    """How often each pattern is there, and what to do; every one is a finding.

    Returns:
        cause (the pattern), root_cause, answers, alone, strategies, action.
    """
    table = answer_rates.root_causes(answers, PATTERNS, other=OTHER)
    failing = none_triage.similarity_fails(run)
    lacking = none_triage.index_lacks(run)
    for row in table.to_dicts():
        urgent = row["cause"] == "metadata_only" and (failing or lacking)
        run.find(
            f"{row['cause']}: {row['answers']:,} answers ({row['root_cause'].lower()})",
            "warning" if urgent else "info",
            "reindex" if urgent else None,
            strategies=row["strategies"],
            action=row["action"],
            **({"now": urgent} if urgent else {}),
        )
    return table


def by_pattern(answers: Answers) -> pl.DataFrame:
    """strategy_name, pattern, answers: every pattern of every strategy."""
    import polars as pl

    counted: Counter[tuple[str, str]] = Counter()
    for row in answers.events.select("strategy_name", "reasons").to_dicts():
        told = set(answer_rates.codes(row["reasons"]))
        keys = [one.key for one in PATTERNS if one.codes & told] or [OTHER]
        counted.update((row["strategy_name"], key) for key in keys)
    rows = [(*key, n) for key, n in sorted(counted.items())]
    schema = {"strategy_name": pl.String, "pattern": pl.String, "answers": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def pattern_figure(answers: Answers) -> Any:
    """Degraded answers by strategy and pattern."""
    import plotly.graph_objects as go
    import polars as pl

    table = by_pattern(answers)
    names = table["strategy_name"].unique().sort(descending=True).to_list()
    figure = go.Figure()
    for key in [*(one.key for one in PATTERNS), OTHER]:
        rows = table.filter(pl.col("pattern") == key)
        if not rows.is_empty():
            figure.add_bar(
                x=rows["answers"].to_list(),
                y=rows["strategy_name"].to_list(),
                orientation="h",
                name=key,
            )
    title = (
        f"Degraded answers by strategy and pattern (n = {answers.events.height:,} answers; "
        "one may show several)"
    )
    height = 200 + 44 * max(len(names), 1)
    figure.update_layout(layout(title, height=height, barmode="stack"))
    figure.update_xaxes(axis("answers that show the pattern"))
    figure.update_yaxes(axis("strategy", categoryorder="array", categoryarray=names))
    return figure


def repairs(answers: Answers) -> pl.DataFrame:
    """Parameters that had to be repaired: strategy_name, parameter, answers, an example."""
    import polars as pl

    counted: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for row in answers.events.select("strategy_name", "repaired_params").to_dicts():
        for name, what in json.loads(row["repaired_params"] or "{}").items():
            counted[(row["strategy_name"], name)] += 1
            examples.setdefault((row["strategy_name"], name), str(what))
    rows = [(*key, n, examples[key]) for key, n in counted.most_common()]
    schema = {
        "strategy_name": pl.String,
        "parameter": pl.String,
        "answers": pl.Int64,
        "example": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def counts(run: Run, answers: Answers) -> pl.DataFrame:
    """What stands behind the degraded strategies.

    Returns:
        strategy_name, n_trials, n_windows, n_param_sets (stored), after_strict, after_relaxed and
        windows_used (medians over the degraded answers).
    """
    import polars as pl

    medians = answers.events.group_by("strategy_name").agg(
        pl.col("after_strict", "after_relaxed", "windows_used").median()
    )
    stored = run.kb.strategies(run.workspace).select(
        "strategy_name", "n_trials", "n_windows", "n_param_sets"
    )
    return (
        medians.join(stored, on="strategy_name", how="left")
        .select(
            "strategy_name",
            "n_trials",
            "n_windows",
            "n_param_sets",
            "after_strict",
            "after_relaxed",
            "windows_used",
        )
        .sort("strategy_name")
    )


def callers(answers: Answers) -> pl.DataFrame:
    """Who asks without a market, the most first: source, replica, strategy_name, answers."""
    import polars as pl

    keys = ["source", "replica", "strategy_name"]
    without = answers.events.filter(pl.col("market_kind") == "none")
    counted = without.group_by(keys).agg(pl.len().cast(pl.Int64).alias("answers"))
    return counted.sort(-pl.col("answers"), *keys)


def plan(run: Run, answers: Answers, found: pl.DataFrame) -> None:
    """Adds the step that heals the index, where it lacks trials; says the rest, by pattern.

    Args:
        run: of the runbook.
        answers: that are degraded.
        found: of `patterns`.
    """
    rows = {row["cause"]: row for row in found.to_dicts()}
    if "metadata_only" in rows:
        failing = none_triage.similarity_fails(run)
        if none_triage.index_lacks(run):
            none_triage.plan_index(run)
        elif failing:
            run.next(f"the vector search fails: {failing}", run.command(FAILURES))
        else:
            run.next(
                "the vector search works now; were its answers wrong, rebuild the collection",
                run.command(REBUILD),
            )
    for cause, how in (("low_count", f": {none_triage.INGESTION}"), ("repaired_params", "")):
        if cause in rows:
            row = rows[cause]
            run.next(f"{row['action']} ({row['strategies']}){how}")
    if "missing_regime_context" in rows:
        plan_market(run, answers)


def plan_market(run: Run, answers: Answers) -> None:
    """Says that callers have to give a market, with a command that does."""
    import polars as pl

    asking = callers(answers)
    if asking.is_empty():
        run.next("the bars of the callers hardly move: look at the feed of prices")
        return
    by = asking.group_by("strategy_name").agg(pl.col("answers").sum())
    by = by.sort(-pl.col("answers"), "strategy_name").head(_NAMED)
    told = ", ".join(f"{name} ({n:,})" for name, n in by.iter_rows())
    words = ["tradingkb", "recommend", by["strategy_name"][0], "--workspace", run.workspace]
    run.next(
        f"callers have to give bars (ohlcv) or a regime, and gave no market: {told}; such as",
        command_line([*words, f"--regime={_EXAMPLE}"]),
    )
