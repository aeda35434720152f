"""01: what several replicas admit together, counted in memory or in Redis, and when to switch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradingkb.presentation import Table
from tradingkb.runbooks.procedures.http import Tokens
from tradingkb.runbooks.procedures.limits_measured import (
    Measured,
    measured,
    never_held_up,
    sender,
)
from tradingkb.runbooks.procedures.multi_replica_found import Check, tokens_of
from tradingkb.runbooks.procedures.temporary import temporary_redis, temporary_replicas
from tradingkb.wiring import connect

if TYPE_CHECKING:
    from tradingkb.runbooks.book import Run

#: From so many replicas on the operating procedures count in Redis, whatever else holds.
MANY: Final = 3
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
    tokens, urls = tokens_of(run), [replica.url for replica in check.live]
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


def _row(found: Measured) -> dict[str, Any]:
    figures = found.to_dict()
    return {shown: figures[name] for name, shown in _COLUMNS.items()}
