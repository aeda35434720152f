"""What every store must do with what replicas say of their circuit breakers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from tradingkb.ports import TrialStore
from tradingkb.testing.stored import NOON

_FORGET_S: Final = 3600.0


def _state(service: str = "db", **changes: Any) -> dict[str, Any]:
    told = {"service": service, "state": "closed", "failures": 0}
    return {**told, "open_since": None, "last_error": None, **changes}


class BreakerContract:
    """Part of `TrialStoreContract`."""

    def test_breakers_come_back_as_they_were_by_replica_and_service(self, kb: TrialStore) -> None:
        opened = {"state": "open", "failures": 5, "open_since": NOON, "last_error": "ReadTimeout"}
        kb.save_breakers("two", [_state("qdrant", **opened), _state("db")], NOON, _FORGET_S)
        kb.save_breakers("one", [_state("db")], NOON, _FORGET_S)
        found = kb.breakers(NOON)
        assert found.select("replica", "service").rows() == [
            ("one", "db"),
            ("two", "db"),
            ("two", "qdrant"),
        ]
        times = {"changed_at": NOON, "heartbeat_at": NOON}
        assert found.row(2, named=True) == {
            "replica": "two",
            **_state("qdrant", **opened),
            **times,
        }

    def test_a_breaker_keeps_the_time_of_its_last_change_from_heartbeat_to_heartbeat(
        self, kb: TrialStore
    ) -> None:
        told = []
        for n, state in enumerate(["closed", "closed", "open", "open"]):
            at = NOON + timedelta(seconds=15 * n)
            kb.save_breakers("one", [_state(state=state)], at, _FORGET_S)
            (row,) = kb.breakers(NOON).to_dicts()
            told.append(((row["changed_at"] - NOON).seconds, (row["heartbeat_at"] - NOON).seconds))
        assert told == [(0, 0), (0, 15), (30, 30), (30, 45)]

    def test_replicas_without_a_heartbeat_disappear_and_are_forgotten_in_time(
        self, kb: TrialStore
    ) -> None:
        def replicas(since_s: float) -> list[str]:
            return list(kb.breakers(NOON + timedelta(seconds=since_s))["replica"])

        kb.save_breakers("dead", [_state()], NOON, _FORGET_S)
        kb.save_breakers("alive", [_state()], NOON + timedelta(seconds=60), _FORGET_S)
        assert replicas(30) == ["alive"]
        assert replicas(0) == ["alive", "dead"]
        kb.save_breakers("alive", [_state()], NOON + timedelta(seconds=3601), _FORGET_S)
        assert replicas(-1) == ["alive"]

    def test_a_replica_that_ends_takes_its_rows_away(self, kb: TrialStore) -> None:
        kb.save_breakers("one", [_state()], NOON, _FORGET_S)
        kb.save_breakers("one", [], NOON, _FORGET_S)
        assert kb.breakers(NOON).is_empty()
