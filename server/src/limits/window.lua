-- Fixed windows, aligned to Redis' clock. ARGV[1]: length of a window in ms.
-- Gives the window's number, the hits in it with this one, and the ms until it ends.
-- One key a client, holding "window count": no key is computed here, as a cluster demands.
local length = tonumber(ARGV[1])
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
return { window, count, rest }
