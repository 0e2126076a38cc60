-- Fixed windows, aligned to Redis' clock. ARGV: limit, length of a window in ms.
-- Gives whether the hit is admitted, the hits in its window with this one, the ms until the window
-- ends, and the window's number.
-- One key a client, holding "window count": no key is computed here, as a cluster demands.
local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = math.floor(now / length)
local count = 0
local stored = redis.call('GET', KEYS[1])
if stored then
  local last, hits = string.match(stored, '^(%d+) (%d+)$')
  last = tonumber(last)
  -- After a failover the clock may be a little behind the one that counted before. Its window
  -- goes on then, so that a limit is not granted twice.
  if last == window or last == window + 1 then
    window = last
    count = tonumber(hits)
  end
end
count = count + 1
local rest = (window + 1) * length - now
redis.call('SET', KEYS[1], string.format('%d %d', window, count), 'PX', rest)
return { count <= limit and 1 or 0, count, rest, window }
