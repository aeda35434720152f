"""A run and its notebook, with whatever a report can hold; part of it means harm."""

from __future__ import annotations

from typing import Any

from tradingkb.testing.trial_store_runbooks import at, runbook_run

HARM = "<script>window.harm = 1</script><img src=x onerror='window.harm = 1'>"
MIMETYPE = "application/vnd.tradingkb.result+json"
RESULT: dict[str, Any] = {
    "outcome": "needs_decision",
    "findings": [
        {"what": f"`fast` is odd {HARM}", "severity": "warning", "evidence": {"n": 1200, "p": HARM}}
    ],
    "actions": [
        {
            "key": "ingest",
            "what": "take in 12 trials",
            "state": "failed",
            "expected": {"inserted": 12},
            "actual": {"inserted": 3},
            "differs": ["inserted: planned 12, was 3"],
            "undo": "`tradingkb withdraw RUN_ID`",
            "seconds": 1.25,
            "error": None,
        }
    ],
    "next_steps": [{"why": "undo ingest", "command": "tradingkb runbook run 06 -p dry_run=false"}],
}


def ended(**changes: Any) -> dict[str, Any]:
    """The JSON form of a run that has ended."""
    run = runbook_run(
        state="ended",
        outcome="needs_decision",
        started_at=at(0),
        ended_at=at(1.5),
        result=RESULT,
        cell_done=7,
        cell_total=7,
        **changes,
    )
    return run.to_dict()


def figure(title: str) -> dict[str, Any]:
    return {
        "data": [{"type": "bar", "x": [HARM, "b"], "y": [1, 3]}],
        "layout": {"title": {"text": title}, "height": 300, "paper_bgcolor": "white"},
        "config": {},
    }


def displayed(**data: Any) -> dict[str, Any]:
    kinds = {"html": "text/html", "markdown": "text/markdown", "plain": "text/plain"}
    kinds |= {"figure": "application/vnd.plotly.v1+json", "svg": "image/svg+xml"}
    kinds |= {"png": "image/png", "json": "application/json", "result": MIMETYPE}
    return {"output_type": "display_data", "data": {kinds[k]: v for k, v in data.items()}}


def code(*outputs: dict[str, Any], source: str = "x = 1", count: int | None = 3) -> dict[str, Any]:
    took = {"papermill": {"duration": 2.04}}
    found = {"cell_type": "code", "source": source, "execution_count": count, "metadata": took}
    return {**found, "outputs": list(outputs)}


def failure(name: str = "ValueError") -> dict[str, Any]:
    trace = [f"\x1b[31m{name}\x1b[39m", f"no {HARM}"]
    return {"output_type": "error", "ename": name, "evalue": f"no {HARM}", "traceback": trace}


CELLS: list[dict[str, Any]] = [
    {"cell_type": "markdown", "source": f"# Title\n\n**Purpose.** To see {HARM}"},
    code({"output_type": "stream", "name": "stdout", "text": f"\x1b[1mbold\x1b[0m {HARM}\n"}),
    {"cell_type": "markdown", "source": ["## Plan\n", "| a | b |\n| - | - |\n| 1 | 2 |"]},
    code(displayed(figure=figure("one"), html="not this"), displayed(figure=figure("two"))),
    code(displayed(html=f"<table><tr><td>cell</td></tr></table>{HARM}", plain="not this")),
    code(displayed(markdown=f"*said* {HARM}"), displayed(png="aGVs\nbG8=", plain="not this")),
    code(displayed(svg="<svg></svg>"), displayed(json={"a": [1]}), displayed(plain=f"repr {HARM}")),
    code(failure(), failure("OSError")),
    code(displayed(result=RESULT, markdown="said on top")),
    code(source="never", count=None),
    code(source="  "),
]
