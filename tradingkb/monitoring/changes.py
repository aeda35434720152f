"""What was changed, as short sentences; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

Facts = Mapping[str, Any]


def with_sentences(rows: pl.DataFrame) -> pl.DataFrame:
    """at, kind, what, actor, facts from `ReportStore.change_rows`."""
    kinds = rows["kind"].to_list()
    facts = [_shown(json.loads(text)) for text in rows["facts"]]
    what = list(map(sentence, kinds, facts))
    texts = [json.dumps(one, ensure_ascii=False) for one in facts]
    return rows.with_columns(
        pl.Series("what", what, pl.String), pl.Series("facts", texts, pl.String)
    ).select("at", "kind", "what", "actor", "facts")


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    """Without what is kept for the next comparison, and without the folder of a file."""
    shown = {name: value for name, value in facts.items() if name != "settings"}
    if isinstance(source := shown.get("source"), str):
        shown["source"] = re.split(r"[/\\]", source)[-1] or source
    return shown


def sentence(kind: str, facts: Facts) -> str:
    """What was done; its kind alone where nothing better can be said of it.

    A later release, or another one at work on the same store, may have noted other facts.
    """
    try:
        return _SAY[kind](facts)
    except (KeyError, TypeError, ValueError):
        return kind


def _ingest(f: Facts) -> str:
    counts = (f["counts"] or {}).items()
    done = ", ".join(f"{n:,} {name}" for name, n in counts if n and name != "skipped")
    ended = "" if f["status"] == "completed" else f" ({f['status']})"
    return f"ingest of {f['source']}{ended}: {done or 'nothing new'}"


def _reembed(f: Facts) -> str:
    ended = "" if f["status"] == "completed" else f" ({f['status']})"
    return f"re-embedded into {f['collection']}{ended}"


def _withdrawal(f: Facts) -> str:
    return f"run {f['run_id']} withdrawn{_because(f)}"


def _strategy(f: Facts) -> str:
    return f"spec of {f['strategy_name']} {f['version']} registered"


def _status(f: Facts) -> str:
    n = int(f["trials"])
    done = {"candidate": "made candidates again"}.get(f["to_status"], f["to_status"])
    return f"{n:,} {'trial' if n == 1 else 'trials'} {done}{_because(f)}"


def _activate(f: Facts) -> str:
    now = f"searches {f['collection']} by {f['embed_model']}, before {f['previous_collection']}"
    loss = (f.get("quality") or {}).get("loss")
    return now if loss is None else f"{now}; neighbours lose {loss:.2f}"


def _calibrate(f: Facts) -> str:
    rate, outcomes = f["base_rate"], f"{f['n_outcomes']:,} outcomes"
    found = "uncalibrated" if rate is None else f"{100 * rate:.1f} % beat the defaults"
    return f"confidence of {f['objective_type']} calibrated on {outcomes}: {found}"


def _backup(f: Facts) -> str:
    return f"backup of {f['trials']:,} trials ({f['size_bytes'] / 1e6:,.1f} MB)"


def _restore(f: Facts) -> str:
    of = f" of {f['made_at'][:16].replace('T', ' ')} UTC" if f["made_at"] else ""
    return f"restored a backup{of} with {f['trials']:,} trials"


def _prune(f: Facts) -> str:
    return f"{f['events']:,} events, {f['runs']:,} runs and {f['jobs']:,} jobs deleted"


def _recover(f: Facts) -> str:
    return f"{f['into']} recovered from {f['snapshot']}: {f['points']:,} points"


def _drop(f: Facts) -> str:
    missed = f", which {', '.join(f['searched_by'])} searched" if f["searched_by"] else ""
    return f"collection {f['collection']} dropped{missed}"


def _start(f: Facts) -> str:
    names = [one["setting"] for one in f["changed"]]
    before = f["version_before"]
    release = f"{before} before, " if before not in (None, f["version"]) else ""
    said = f"{release}changed: {', '.join(names)}" if names else f"{release}same settings"
    first = "first start" if before is None else said
    return f"{f['replica']} started with release {f['version']} ({first})"


def _because(f: Facts) -> str:
    return f": {f['reason']}" if f.get("reason") else ""


_SAY: Final[Mapping[str, Callable[[Facts], str]]] = {
    "ingest": _ingest,
    "reembed": _reembed,
    "withdrawal": _withdrawal,
    "strategy": _strategy,
    "status": _status,
    "activate": _activate,
    "calibrate": _calibrate,
    "backup": _backup,
    "restore": _restore,
    "prune": _prune,
    "recover": _recover,
    "drop": _drop,
    "start": _start,
}
