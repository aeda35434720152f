"""Time that passes for every request that a Redis holds, at once."""

from __future__ import annotations

from tradingkb.limits.redis import PREFIX
from tradingkb.testing import RedisProcess

#: Each request, and each lease, is so much older.
_AGE = """
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    redis.call('ZINCRBY', key, -ARGV[2], member)
  end
end
"""


def age(redis: RedisProcess, seconds: float) -> None:
    """Makes everything that is counted older."""
    redis.ask("EVAL", _AGE, 0, f"{PREFIX}:*", round(seconds * 10**6))
