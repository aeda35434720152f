"""01: what several replicas admit together, counted in memory or in Redis, and when to switch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import InvalidInputError
from tradingkb.presentation import Table
from tradingkb.runbooks.procedures.http import (
    Tokens,
    ask,
    checked_urls,
    samples,
    why_not_ready,
)
from tradingkb.runbooks.procedures.limits_measured import (
    Measured,
    measured,
    never_held_up,
    sender,
)
from tradingkb.runbooks.procedures.temporary import (
    has_redis,
    temporary_redis,
    temporary_replicas,
)
from tradingkb.wiring import connect

if TYPE_CHECKING:
    from tradingkb.runbooks.book import Run

#: From so many replicas on the operating procedures count in Redis, whatever else holds.
MANY: Final = 3
#: As many as the proxy of compose.yaml has places for.
_POSSIBLE: Final = range(1, 11)
#: Enough questions after a replica's name to hear of every one behind a proxy.
_NAMES: Final = 20
_OWN_TOKEN: Final = "a-token-of-temporary-replicas"
#: Columns of the table, by the figures that they show.
_COLUMNS: Final = {
    "configured_per_minute": "configured in a minute",
    "effective_per_minute": "admitted in a minute",
    "configured_at_once": "configured at once",
    "effective_at_once": "admitted at once",
    "requests": "requests",
    "refused": "refused",
    "median_ms": "median, ms",
    "note": "note",
}


@dataclass(frozen=True)
class Replica:
    """A running replica, as it says it is.

    Attributes:
        url: its address.
        name: its own name, None where it does not answer.
        ready: whether it can answer.
        backend: where it counts: "memory" or "redis".
        fail: what it does while Redis does not count: "open" or "closed"; None by memory.
        refused: requests that it has answered with 429 since it started.
        told: what it said, where that was no answer.
    """

    url: str
    name: str | None
    ready: bool
    backend: str | None
    fail: str | None
    refused: int | None
    told: str = ""


@dataclass
class Check:
    """What is looked at, and what was measured of it.

    Attributes:
        live: running replicas; none where temporary ones are measured.
        replicas: how many there are or will be.
        per_minute: limit of temporary replicas; 0 for none.
        at_once: likewise.
        redis: "given" (by its variable), "temporary" or None.
        found: what was measured, by where it is counted.
        held_up: what is never limited and was refused, by the same and by path.
    """

    live: Sequence[Replica]
    replicas: int
    per_minute: int
    at_once: int
    redis: str | None
    found: dict[str, Measured] = field(default_factory=dict)
    held_up: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def backend(self) -> str:
        """Where running replicas count; "memory" where some do."""
        return "redis" if self.live and all(r.backend == "redis" for r in self.live) else "memory"


def look(run: Run) -> Check:
    """Reads settings, and what running replicas say of themselves; nothing of it is limited.

    Raises:
        InvalidInputError: a parameter that cannot be.
    """
    given, settings = run.parameters, run.kb.settings
    tokens = _tokens(run)
    live = [_replica(url, tokens) for url in checked_urls(given["replica_urls"])]
    names = _names(live, tokens)
    chosen = given["replicas"] or (max(len(live), len(names)) if live else 2)
    if chosen not in _POSSIBLE:
        raise InvalidInputError("are 1 to 10", field="replicas", remedy="name as many as there are")
    per_minute, at_once = given["per_minute"], given["at_once"]
    redis = "given" if os.environ.get(given["redis_url_env"]) else None
    check = Check(
        live,
        chosen,
        settings.rate_limit_per_minute if per_minute is None else per_minute,
        settings.rate_limit_concurrent if at_once is None else at_once,
        redis or ("temporary" if has_redis() else None),
    )
    for replica in live:
        if not replica.ready:
            run.find(f"{replica.url} is not ready", "critical", told=replica.told)
            restart = run.command("07_service_restart", replica_urls=given["replica_urls"])
            run.next("find out why a replica is not ready", run.command(_FAILURES))
            run.next("start what does not answer", restart)
    if len({r.backend for r in live if r.backend}) > 1:
        run.find(
            "some replicas count in memory and some in Redis: they have different settings",
            "warning",
            counted_by={r.name or r.url: r.backend for r in live},
        )
    if live:
        _check_workspace(run)
    return check


_FAILURES: Final = "08_failure_modes_recovery"


def shown(check: Check) -> Table:
    """What is looked at, as a table."""
    if check.live:
        rows = [vars(replica) for replica in check.live]
        return Table(rows, f"Running replicas (n = {check.replicas})")
    row = {
        "replicas": check.replicas,
        "requests in a minute": check.per_minute or "no limit",
        "requests at once": check.at_once or "no limit",
        "Redis": check.redis or "none: set REDIS_URL, or install redis-server",
    }
    return Table([row], "Temporary replicas of `tradingkb serve`, with these limits")


def plan(run: Run, check: Check) -> None:
    """Plans what is measured."""
    if check.live:
        _plan_live(run, check)
        return
    for backend in ("memory", "redis"):
        if backend == "redis" and check.redis is None:
            run.find(
                "Redis is not measured: there is none", variable=run.parameters["redis_url_env"]
            )
            continue
        times = check.replicas if backend == "memory" else 1
        run.step(
            f"measure_{backend}",
            f"start {check.replicas} temporary replicas that count in {backend}, and ask them for "
            "one workspace until they refuse",
            partial(_measure_temporary, run, check, backend),
            expect={
                "effective_per_minute": check.per_minute * times or None,
                "effective_at_once": check.at_once * times or None,
            },
        )


def conclude(run: Run, check: Check) -> Table:
    """Says what was measured, whether it is as it should be, and whether to switch."""
    for backend, found in check.found.items():
        _conclude_limits(run, found, backend, check.replicas if backend == "memory" else 1)
        held_up = check.held_up[backend]
        what = f"probes, lists and administrators are never held up ({backend})"
        refused = {path: times for path, times in held_up.items() if times}
        run.verify(what, not refused, asked=list(held_up), refused=refused)
    _advise(run, check)
    rows = [{"counted in": name, **_row(found)} for name, found in check.found.items()]
    n = sum(found.requests for found in check.found.values())
    return Table(rows, f"{check.replicas} replicas together (n = {n} requests)", "not measured")


def why_switch(replicas: int, *, exact: bool, abuse: bool) -> list[str]:
    """Reasons to count in Redis, by the operating procedures; none for one or two replicas.

    Args:
        replicas: how many there are or will be.
        exact: whether limits have to be exact, because they are billed or are quotas.
        abuse: whether a workspace must not get more by asking several replicas.
    """
    reasons = {
        f"{replicas} replicas admit up to {replicas} times the limit": replicas >= MANY,
        "the limits are billed or are quotas, and have to be exact": exact and replicas > 1,
        "a workspace must not get more by asking several replicas": abuse and replicas > 1,
    }
    return [reason for reason, holds in reasons.items() if holds]


def _conclude_limits(run: Run, found: Measured, backend: str, times: int) -> None:
    for what, one, effective in (
        ("requests in any minute", found.configured_per_minute, found.effective_per_minute),
        ("requests at once", found.configured_at_once, found.effective_at_once),
    ):
        if one is None or effective is None:
            run.find(f"{what} are not measured ({backend})", why=found.note)
            continue
        run.find(
            f"{what}: {effective} admitted where {one} are configured ({backend})",
            "info" if effective == one * times else "warning",
            expected=one * times,
            factor=round(effective / one, 2),
        )


def _advise(run: Run, check: Check) -> None:
    given = run.parameters
    why = why_switch(check.replicas, exact=given["exact_limits"], abuse=given["abuse"])
    counts_in_redis = check.live and check.backend == "redis"
    if counts_in_redis:
        run.find("requests are counted in Redis: the limits hold for all replicas together")
    elif why:
        run.find("count requests in Redis", "warning", why=why)
        set_both = "set REDIS_URL and RATE_LIMIT_BACKEND=redis where replicas read their settings"
        run.next(f"{set_both}; the way back is RATE_LIMIT_BACKEND=memory")
        named = {"replica_urls": given["replica_urls"]} if check.live else {}
        restart = run.command("07_service_restart", **named)
        run.next("then restart the replicas, one after the other", restart)
        after = {**_given_alone(run), "replicas": check.replicas, "dry_run": False}
        run.next("and measure again", run.command("01_multi_replica_check", **after))
    else:
        run.find(
            "memory is enough: one or two replicas whose limits need not be exact",
            replicas=check.replicas,
        )


def _given_alone(run: Run) -> dict[str, Any]:
    kept = ("replica_urls", "limit_workspace", "exact_limits", "abuse")
    return {name: run.parameters[name] for name in kept if run.parameters[name]}


def _plan_live(run: Run, check: Check) -> None:
    name = run.parameters["limit_workspace"]
    if name not in run.kb.workspaces()["slug"]:
        run.step(
            "create_workspace",
            f"create the empty workspace {name}, whose share is used up so that no user's is",
            lambda: {"id": run.kb.create_workspace(name)},
            undo=f"none is needed: {name} is empty, and is used again by the next check",
        )
    run.step(
        "measure",
        f"ask {check.replicas} running replicas for workspace {name} until they refuse; the shares "
        "of other workspaces are not touched, and each replica answers a few short requests at "
        "once meanwhile",
        lambda: _measure_live(run, check),
    )


def _measure_live(run: Run, check: Check) -> Measured:
    tokens, urls = _tokens(run), [replica.url for replica in check.live]
    own = Tokens(workspace=tokens.workspace)  # an administrator would never be refused
    return _measure(run, check, check.backend, urls, run.parameters["limit_workspace"], own, tokens)


def _measure_temporary(run: Run, check: Check, backend: str) -> Measured:
    """Starts replicas on an empty home, and measures them."""
    # Sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="kb-") as name:
        folder = Path(name)
        with connect(folder / "home", progress=False) as kb:
            kb.create_workspace("limit-check")  # an id that is nobody's in a Redis of others
        variables = {
            "TRADINGKB_HOME": str(folder / "home"),
            "ADMIN_TOKEN": _OWN_TOKEN,
            "RATE_LIMIT_PER_MINUTE": str(check.per_minute),
            "RATE_LIMIT_CONCURRENT": str(check.at_once),
            "RATE_LIMIT_BACKEND": backend,
        }
        with (
            _redis(run, check, folder, backend) as more,
            temporary_replicas(check.replicas, folder, variables | more) as urls,
        ):
            warm = sender("limit-check", Tokens(admin=_OWN_TOKEN))
            for url in urls:
                warm(url).checked()  # a first answer loads what later ones have, and counts not
            admin = Tokens(admin=_OWN_TOKEN)
            return _measure(run, check, backend, urls, "limit-check", Tokens(), admin)


@contextmanager
def _redis(run: Run, check: Check, folder: Path, backend: str) -> Iterator[dict[str, str]]:
    """Settings of replicas that count there; none where they count in memory."""
    if backend == "memory":
        yield {}
    elif check.redis == "given":
        yield {"REDIS_URL": run.secret("redis_url_env")}
    else:
        with temporary_redis(folder) as url:
            yield {"REDIS_URL": url}


def _measure(
    run: Run,
    check: Check,
    backend: str,
    urls: Sequence[str],
    workspace: str,
    tokens: Tokens,
    admin: Tokens,
) -> Measured:
    most = run.parameters["most_requests"]
    found = measured(urls, check.replicas, sender(workspace, tokens), most=most)
    as_admin = sender(workspace, admin) if admin.admin else None
    check.held_up[backend] = never_held_up(urls, tokens, as_admin)
    check.found[backend] = found
    return found


def _tokens(run: Run) -> Tokens:
    given = run.parameters
    return Tokens.of(given["admin_token_env"], given["workspace_token_env"])


def _replica(url: str, tokens: Tokens) -> Replica:
    health, ready = (ask(url, path, tokens=tokens) for path in ("/health", "/ready"))
    metrics = ask(url, "/metrics", tokens=tokens)
    limits = ready.body.get("checks", {}).get("rate_limits", {}) if _is_json(ready.body) else {}
    refused = [
        value
        for labels, value in samples(str(metrics.body), "kb_http_requests_total")
        if labels.get("status") == "429"
    ]
    return Replica(
        url,
        health.body.get("replica") if _is_json(health.body) else None,
        ready.ok,
        limits.get("backend"),
        limits.get("fail"),
        int(sum(refused)) if metrics.ok else None,
        why_not_ready(ready),
    )


def _names(live: Sequence[Replica], tokens: Tokens) -> set[str]:
    """Names of replicas; behind one address there may be several."""
    names = {replica.name for replica in live if replica.name}
    if len(live) == 1 and names:
        for _ in range(_NAMES):
            body = ask(live[0].url, "/health", tokens=tokens).body
            names |= {body["replica"]} if _is_json(body) and body.get("replica") else set()
    return names


def _check_workspace(run: Run) -> None:
    """The share that is used up must be nobody's.

    Raises:
        InvalidInputError: the workspace has trials.
    """
    name = run.parameters["limit_workspace"]
    is_there = name in run.kb.workspaces()["slug"]
    if name == "default" or (is_there and run.kb.trials(name, limit=1).height):
        raise InvalidInputError(
            f"workspace {name!r} is one that users ask about, and they would be refused",
            field="limit_workspace",
            remedy="name one without trials; it is created where it is missing",
        )


def _is_json(body: Any) -> bool:
    return isinstance(body, dict)


def _row(found: Measured) -> dict[str, Any]:
    figures = found.to_dict()
    return {shown: figures[name] for name, shown in _COLUMNS.items()}
