"""Contract suites, faults, and in `worlds` a laboratory of known truth for the recommender.

Every adapter of a port passes the same tests, yours too.

Subclass a suite in a test module and give it the fixture that it names; pytest is needed.

    from tradingkb.testing.vector_index import VectorIndexContract

    class TestMyIndex(VectorIndexContract):
        @pytest.fixture
        def index(self):
            return MyIndex()

`faults` has servers that fail on purpose, over real sockets: they refuse, reset, hang, drip, answer
with errors, foreign JSON or garbage. `proxy` takes the network away between a client and a server
that works. `ollama_server` speaks Ollama's protocol, with models that need no download, and
`qdrant_server` Qdrant's, with faults on demand. `RedisProcess` is a real Redis that can be frozen
and killed. None of them needs pytest.
"""

from tradingkb.testing.redis_process import RedisProcess

__all__ = ["RedisProcess"]
