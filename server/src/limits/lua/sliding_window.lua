-- A sliding log: at most the limit in any span of the window's length. ARGV: limit, length in ms.
-- Gives whether the hit is admitted, the hits that were admitted in the last window with this one,
-- the ms until the oldest of them leaves it, and -1: there are no numbered windows.
-- The write that grows is the first one: Redis refuses a script for want of memory there alone.
local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local left = string.format('%.0f', now - length)
local admitted = 0
local count = redis.call('ZCOUNT', KEYS[1], '(' .. left, '+inf')
if count < limit then
  admitted = 1
  count = count + 1
  -- Two hits in one microsecond, or a clock that went back, must not become one member.
  local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
  if last[2] then
    now = math.max(now, tonumber(last[2]) + 1)
  end
  local at = string.format('%.0f', now)
  redis.call('ZADD', KEYS[1], at, at)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', left)
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local rest = math.ceil((tonumber(first[2]) + length - now) / 1000)
return { admitted, count, math.max(rest, 1), -1 }
