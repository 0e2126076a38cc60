-- The generic cell rate algorithm (ITU-T I.371): a bucket that holds the limit and refills in a
-- window. ARGV: limit, length of a window in ms.
-- Gives whether the hit is admitted, how much of the bucket is used, the ms until it is full again
-- or, for a hit that is not admitted, until the next one is, and -1: there are no windows.
local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
local interval = length / limit
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
-- Half a microsecond more than nothing, for what doubles round off.
local excess = arrival + interval - now - length
if excess > 0.5 then
  return { 0, limit, math.ceil(excess / 1000), -1 }
end
arrival = arrival + interval
local used = arrival - now
local rest = math.max(1, math.ceil(used / 1000))
redis.call('SET', KEYS[1], string.format('%.3f', arrival), 'PX', rest)
return { 1, math.ceil(used / interval - 0.001), rest, -1 }
