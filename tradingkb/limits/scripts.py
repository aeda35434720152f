"""What Redis does in one step: scripts, each of which sees and leaves a share as a whole.

The moving window of the library `limits` (5.8) is not used: it counts by the clock of whoever asks,
and replicas' clocks differ; and it needs a second round trip to say what is left. Here the clock is
the server's, and one script looks at the minute and at the requests at once together.

Two sorted sets per share: the requests of its minute by the time of each, and those in flight by
the end of the lease of each. A replica that was killed gives nothing back: its leases end. Times
are microseconds. Where a key holds something else, it is nobody's under this prefix, and goes.
"""

from __future__ import annotations

from typing import Final

#: KEYS: window, slots. ARGV: token, limit per minute, window, limit at once, lease; a limit of 0 is
#: none. Returns: 0 counted, 1 refused by the minute, 2 by those at once; what is left of the
#: minute, and how long until there is more.
TAKE: Final = """
local token = ARGV[1]
local per_minute, window = tonumber(ARGV[2]), tonumber(ARGV[3])
local at_once, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- Forgets what is over, and what a clock that was set back since has left in the far future.
local function count(key, over, never)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return 0 end
  if kind ~= 'zset' then redis.call('DEL', key) return 0 end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', over)
  redis.call('ZREMRANGEBYSCORE', key, string.format('(%.0f', never), '+inf')
  return redis.call('ZCARD', key)
end

local function add(key, score, lives)
  redis.call('ZADD', key, score, token)
  redis.call('PEXPIRE', key, math.ceil(lives / 1000))
end

if at_once > 0 and count(KEYS[2], now, now + 2 * lease) >= at_once then return {2, 0, 0} end
local left, more = 0, 0
if per_minute > 0 then
  left = per_minute - count(KEYS[1], now - window, now + window)
  local refused = left <= 0
  if not refused then
    add(KEYS[1], now, window)
    left = left - 1
  end
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  more = math.min(oldest + window - now, window)
  if refused then return {1, 0, more} end
end
if at_once > 0 then add(KEYS[2], now + lease, lease) end
return {0, left, more}
"""

#: KEYS: any. ARGV: the token to be taken out of each. Returns how many were there, and
#: nothing else.
GIVE_BACK: Final = """
local found = 0
for i, key in ipairs(KEYS) do
  if redis.call('TYPE', key).ok == 'zset' then found = found + redis.call('ZREM', key, ARGV[i]) end
end
return {found, 0, 0}
"""
