"""Runbook 04: many answers are none. Why, and what helps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import TradingKBError
from tradingkb.runbooks.procedures import answer_rates, asked_again
from tradingkb.runbooks.procedures.answer_rates import Answers, Cause
from tradingkb.runbooks.procedures.index_state import (
    FAILURES,
    REBUILD,
    can_verify,
    differences,
    index_state,
    indexed,
    verifying,
)

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.runbooks.book import Run

NAME: Final = "04_kb_status_none_triage"
ALERT: Final = "KbStatusNone"
#: What is stored is not enough: without a file of trials 06 would find nothing to do.
INGESTION: Final = "run 06_trial_ingestion with -p trials=FILE"
#: By the operating procedures; what they do not name comes after it.
CAUSES: Final = (
    Cause(
        "collection_empty",
        "Collection empty",
        frozenset({"collection_empty", "all_trials_archived", "vectors_outdated"}),
        "run re-indexing: here with apply=true, or rebuild the collection (02)",
    ),
    Cause(
        "embedder_down",
        "Ollama down",
        frozenset({"no_embedding_available"}),
        "restart the Ollama service, or the vector index: see 08",
    ),
    Cause(
        "filters",
        "Filters too strict",
        frozenset({"no_matches_after_strict_filters", "no_matches_after_relaxed_filters"}),
        "adjust the request's parameters, or use its recommended_relaxed_settings",
    ),
    Cause(
        "no_data",
        "No matching strategy data",
        frozenset(
            {
                "no_trials_for_strategy",
                "no_trials_known_by_then",
                "no_trials_for_version",
                "too_few_trades",
            }
        ),
        "ingest more trials of the strategy: see 06",
    ),
    Cause(
        "no_metrics",
        "The trials lack the metrics of the objective",
        frozenset({"no_score_for_objective"}),
        "ingest them, or ask with another objective: see 06",
    ),
    Cause(
        "rejected",
        "Every trial is rejected",
        frozenset({"all_trials_rejected"}),
        "restore some with `tradingkb promote --reason`, or ingest others: see 06",
    ),
    Cause(
        "spec",
        "Trials outside the strategy's spec",
        frozenset({"params_outside_spec"}),
        "compare the trials with the spec: what was tried, or the spec, is wrong",
    ),
    Cause(
        "limits",
        "Limits of the request",
        frozenset({"backtest_overfitting", "low_deflated_sharpe"}),
        "the request asks for less luck than the evidence can exclude: more windows, or its limits",
    ),
)
OTHER: Final = "other"


def look(run: Run, *, since: str | None, strategy: str | None) -> Answers:
    """Reads the answers, and notes how many are none."""
    answers = answer_rates.answers_of(run, "none", since=since, strategy=strategy)
    answer_rates.find_share(run, answers, ALERT)
    return answers


def causes(run: Run, answers: Answers) -> pl.DataFrame:
    """The root causes, and whether those of the index still hold; every one is a finding.

    Returns:
        cause, root_cause, answers, alone, strategies, holds_now (why; "" where it does not, or
        where the requests that are asked again tell), action.
    """
    import polars as pl

    table = answer_rates.root_causes(answers, CAUSES, other=OTHER)
    now = {"collection_empty": index_lacks(run), "embedder_down": similarity_fails(run)}
    rows = table.to_dicts()
    for row in rows:
        if row["cause"] == "no_metrics":
            row["root_cause"] = f"The trials lack the metrics of {objectives(answers)}"
        why = row["holds_now"] = now.get(row["cause"], "")
        run.find(
            f"{row['root_cause']}: {row['answers']:,} answers",
            "warning" if why else "info",
            "reindex" if why and row["cause"] == "collection_empty" else None,
            strategies=row["strategies"],
            **({"now": why} if why else {}),
        )
    schema: dict[str, Any] = {
        **{name: table.schema[name] for name in table.columns if name != "action"},
        "holds_now": pl.String,
        "action": pl.String,
    }
    return pl.DataFrame(rows, schema=schema)


def objectives(answers: Answers) -> str:
    """Objectives that trials lack the metrics of, by their names."""
    lacking = (
        row["objective_type"]
        for row in answers.events.select("objective_type", "reasons").to_dicts()
        if "no_score_for_objective" in answer_rates.codes(row["reasons"])
    )
    return ", ".join(sorted(set(lacking)))


def index_lacks(run: Run) -> str:
    """What the index lacks now of what SQL holds; "" where it lacks nothing, or nobody can tell."""
    try:
        return _lacking(run)
    except TradingKBError:
        return ""  # the checks say who does not answer


def _lacking(run: Run) -> str:
    """As `index_lacks`.

    Raises:
        TradingKBError: nobody can tell.
    """
    state = index_state(run.kb, run.workspace)
    if state.held is None:
        return f"collection {state.collection} does not exist"
    if state.fits is False:
        return f"{state.collection} has another dimension than {state.model} makes"
    n = differences(run.kb.reconcile(workspace=run.workspace).before.filter("active"))
    return f"{n:,} trials are not in {state.collection} as they are" if n else ""


def similarity_fails(run: Run) -> str:
    """Why the embedder, or the vector index, cannot answer now; "" where both can."""
    found = run.kb.ready().checks
    names = ("embed_service", "qdrant_collection")
    return "; ".join(f"{name}: {found[name].detail}" for name in names if not found[name].ok)


def asked(run: Run, answers: Answers, most: int) -> pl.DataFrame:
    """The affected requests asked again, one of each kind, and the change that helps each.

    Nothing is changed for the caller: what to send instead is said, and that it was tried.
    """
    import polars as pl

    table = asked_again.ask_again(run, answers, most)
    for row in table.to_dicts():
        if row["with_it"] in ("ok", "degraded"):
            given = "" if row["market"] == "none" else " and the market that was given"
            run.find(
                f"{row['strategy_name']}: with {row['relax']}{given} the answer is "
                f"{row['with_it']}",
                request=row["request"],
                risk=row["risk"],
            )
            run.next(may_ask(row), row["command"])
    still = table.filter(pl.col("now") == answers.status)["strategy_name"]
    if not table.is_empty():
        run.find(
            f"{still.len():,} of {table.height:,} kinds of requests are {answers.status} now, too",
            strategies=still.unique(maintain_order=True).to_list(),
        )
    return table


def may_ask(row: Mapping[str, Any]) -> str:
    """What a caller may ask with; what the command answers, where it cannot ask the same."""
    told = f"the caller of {row['strategy_name']} may ask with {row['relax']}"
    answers = f"answers {row['command_answers']}"
    if row["market"] not in ("none", "same"):
        stated = row["market"] == "as stated"
        how = "states the regime of those bars" if stated else "asks without it"
        same = "with the same market (bars or regime) as it gave"
        return f"{told} and {same}; this command {how}, and {answers}"
    # A version of the strategy cannot be named on the command line.
    return told if row["command_answers"] == row["with_it"] else f"{told}; this command {answers}"


def plan(run: Run, found: pl.DataFrame, *, apply: bool) -> None:
    """Adds the step that heals, if `apply`, and says what else to do, cause by cause.

    Only what is safe is done here: indexing what is stored. The rest is the operator's or the
    caller's: it is said with its command.

    Args:
        run: of the runbook.
        found: of `causes`.
        apply: whether the action is planned.
    """
    held = {row["cause"]: row for row in found.to_dicts()}
    if held.get("collection_empty", {}).get("holds_now"):
        if apply:
            plan_index(run)
        else:
            why = f"index what is stored: {held['collection_empty']['holds_now']}"
            run.next(why, run.command(NAME, apply=True, dry_run=False))
    if held.get("embedder_down", {}).get("holds_now"):
        run.next("bring the embedder or the vector index back", run.command(FAILURES))
    for cause in ("no_data", "no_metrics", "rejected"):
        if cause in held:
            row = held[cause]
            what = "ingest them" if cause == "no_metrics" else "ingest others"
            run.next(f"{row['root_cause']} ({row['strategies']}): {what}: {INGESTION}")


def plan_index(run: Run) -> None:
    """Adds the step that indexes what is stored: safe at any time, where the dimension fits."""
    if index_state(run.kb, run.workspace).fits is False:
        run.next("delete the collection and make it again", run.command(REBUILD))
        return
    run.step(
        "reindex",
        "index what is stored and eligible; trials that are there as they are stay",
        partial(indexed, run.kb, run.workspace),
        expect=expected(run),
        undo="nothing to take back: the index follows SQL",
    )


def expected(run: Run) -> dict[str, Any] | None:
    """What an ingest of what is stored would do; None where nobody can tell."""
    try:
        return dict(run.kb.ingest(workspace=run.workspace, dry_run=True).counts())
    except TradingKBError:
        return None


def verify(run: Run) -> None:
    """After the action: verifies that the index lacks nothing any more."""
    if not can_verify(run):
        return
    with verifying(run):
        left = _lacking(run)
        told = {"left": left} if left else {}
        run.verify("the index lacks nothing of what SQL holds", not left, **told)
        if left and not run.kb.ready().checks["embed_service"].ok:
            # What cannot be embedded is not to be deleted.
            run.next("bring the embedder back", run.command(FAILURES))
        elif left:
            run.next("rebuild the collection", run.command(REBUILD))
