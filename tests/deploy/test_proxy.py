"""The proxy's own configuration in the real haproxy, before two real services."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.deploy.composed import ROOT
from tests.deploy.loopback import (
    CLEAN,
    Replica,
    Resolver,
    free_port,
    process,
    running,
    tradingkb,
    until,
)

CONFIGURATION = ROOT / "data" / "proxy" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
#: Replicas of compose have one port and an address each, and so have these.
FIRST, SECOND, FALSE = "127.0.0.2", "127.0.0.3", "127.0.0.4"
#: One that the services answer with 404.
QUESTION = {"strategy_name": "none_of_that_name"}

pytestmark = pytest.mark.skipif(
    HAPROXY is None or sys.platform != "linux", reason="THE PROXY IS NOT TRIED: no haproxy"
)


@dataclass
class Stand:
    """Everything around the proxy, and a way to ask it."""

    port: int
    health: int
    port_of_replicas: int
    resolver: Resolver
    first: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and document of an answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            found = answer.read()
        is_json = answer.headers.get_content_subtype().endswith("json")
        return answer.status, json.loads(found) if is_json else found.decode()

    def replicas(self, n: int = 6) -> Counter[str]:
        """Who answers so many requests; "" for nobody, or for what is no replica."""
        found = [self.ask("GET", "/health")[1] for _ in range(n)]
        return Counter(one.get("replica", "") if isinstance(one, dict) else "" for one in found)


def here(stand: dict[str, int]) -> str:
    """The configuration with addresses of this machine, and without its patience."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    changed = {
        "nameserver docker 127.0.0.11:53": f"nameserver docker 127.0.0.1:{stand['resolver']}",
        "bind :8000": f"bind 127.0.0.1:{stand['port']}",
        "bind 127.0.0.1:8404": f"bind 127.0.0.1:{stand['health']}",
        "trading-rag-svc:8000": f"trading-rag-svc:{stand['replicas']}",
        "inter 2s downinter 1s": "inter 100ms downinter 100ms",
        "timeout resolve 1s": "timeout resolve 100ms",
        "hold valid 1s": "hold valid 100ms",
        "hold obsolete 1s": "hold obsolete 100ms",
    }
    for before, after in changed.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("proxy")
    ports = {name: free_port() for name in ("port", "health", "replicas")}
    replicas = ports["replicas"]
    with ExitStack() as stack:
        resolver = stack.enter_context(running(Resolver()))
        first, _ = (
            stack.enter_context(
                tradingkb(
                    address,
                    replicas,
                    folder / address,
                    TRADINGKB_REPLICA=address,
                    TRADINGKB_DRAIN_S="20",
                    RATE_LIMIT_PER_MINUTE="0",
                )
            )
            for address in (FIRST, SECOND)
        )
        file = folder / "haproxy.cfg"
        file.write_text(here({**ports, "resolver": resolver.server_address[1]}), encoding="utf-8")
        stack.enter_context(process([HAPROXY, "-f", str(file)], folder, CLEAN))
        found = Stand(ports["port"], ports["health"], replicas, resolver, first)
        until(lambda: listens(found))
        yield found


def listens(stand: Stand) -> bool:
    try:
        return stand.ask("GET", "/health")[0] > 0
    except OSError:
        return False


def test_the_configuration_says_nothing_that_haproxy_warns_of():
    done = subprocess.run(
        [HAPROXY, "-c", "-f", str(CONFIGURATION)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr + done.stdout


def test_while_there_is_no_replica_the_proxy_says_so_as_the_service_would(stand: Stand):
    status, problem = stand.ask("GET", "/health")
    assert (status, problem["code"], problem["status"]) == (503, "no_replica", 503)
    assert {"type", "title", "detail", "remedy"} < set(problem)
    with closing(http.client.HTTPConnection("127.0.0.1", stand.health, timeout=5)) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().status == 200  # it lives all the same


def test_replicas_that_come_are_found_by_their_name_and_share_the_requests(stand: Stand):
    stand.resolver.addresses = [FIRST]
    until(lambda: stand.ask("GET", "/ready")[0] == 200)
    assert set(stand.replicas()) == {FIRST}
    stand.resolver.addresses = [FIRST, SECOND]
    until(lambda: set(stand.replicas()) == {FIRST, SECOND})
    assert min(stand.replicas(12).values()) > 2


@contextmanager
def false_replica(stand: Stand, *beside: str) -> Iterator[Replica]:
    """A replica that passes every probe and closes the connection on everything else."""
    with running(Replica(FALSE, stand.port_of_replicas)) as replica:
        stand.resolver.addresses = [FALSE, *beside]
        try:
            until(lambda: set(stand.replicas()) == {"", *beside})  # the false one gives no name
            yield replica
        finally:
            stand.resolver.addresses = [FIRST, SECOND]
    until(lambda: set(stand.replicas()) == {FIRST, SECOND})


@pytest.fixture
def dying(stand: Stand) -> Iterator[Replica]:
    """One of two."""
    with false_replica(stand, SECOND) as replica:
        yield replica


def test_what_may_be_repeated_is_asked_of_another_when_a_replica_dies(stand: Stand, dying: Replica):
    before = len(dying.received)
    assert [stand.ask("GET", "/kb/objectives")[0] for _ in range(6)] == [200] * 6
    assert len(dying.received) > before


def test_what_may_not_be_repeated_is_sent_once(stand: Stand, dying: Replica):
    """To the one that dies, whose caller is told, or to the other: never to both."""
    posts: Counter[int] = Counter()
    while not (posts[502] and posts[404]) and posts.total() < 40:
        posts[stand.ask("POST", "/kb/trials/recommend", QUESTION)[0]] += 1
    died = dying.received.count("POST /kb/trials/recommend")
    assert died > 0
    assert posts == {502: died, 404: posts.total() - died}
    counted = [
        float(line.split()[-1])
        for line in stand.ask("GET", "/metrics")[1].splitlines()
        if line.startswith("kb_http_requests_total") and "/kb/trials/recommend" in line
    ]
    assert counted == [posts[404]]


def test_what_could_not_be_sent_at_all_is_sent_to_another(stand: Stand, dying: Replica):
    dying.shutdown()
    dying.server_close()  # nobody listens any more, which the proxy learns by trying, or by a probe
    answers = [stand.ask("POST", "/kb/trials/recommend", QUESTION)[0] for _ in range(4)]
    assert answers == [404] * 4


def test_while_no_replica_is_ready_those_that_live_answer(stand: Stand):
    with false_replica(stand) as alone:
        until(lambda: stand.ask("GET", "/ready") == (200, "mine"))
        alone.is_ready = False
        until(lambda: stand.ask("GET", "/ready") == (503, "mine"))
        assert stand.ask("GET", "/health") == (200, "mine")


def test_a_replica_that_is_about_to_stop_gets_no_more_requests(stand: Stand):
    stand.first.send_signal(signal.SIGTERM)
    until(lambda: set(stand.replicas()) == {SECOND})
    assert stand.first.poll() is None  # it still takes connections: it was left out, not lost
    until(lambda: stand.replicas(8) == {SECOND: 8})
