-- Leases up to ARGV[1] jobs for ARGV[2] ms; ARGV[3] is a nonce that nobody else has.
-- Before that, jobs that are due wait again and, if ARGV[4] is 1, jobs whose lease lapsed.
-- Gives the ms until the next of those (-1: there is none) and the jobs.
local now = now_ms()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', delayed, id)
  wait(id)
end
if ARGV[4] == '1' then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', active, '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', active, id)
    wait(id)
  end
end
local jobs = {}
local wanted, empty = tonumber(ARGV[1]), false
for _ = 1, wanted + 1000 do
  local id = #jobs < wanted and redis.call('ZPOPMIN', waiting)[1]
  if not id then
    empty = true
    break
  end
  local job = job_key(id)
  local fields = redis.call('HMGET', job, 'data', 'failures')
  if fields[1] and fields[2] then
    local lease = redis.call('HINCRBY', job, 'takes', 1) .. ':' .. ARGV[3]
    redis.call('HSET', job, 'state', 'active', 'lease', lease)
    redis.call('ZADD', active, now + tonumber(ARGV[2]), id)
    jobs[#jobs + 1] = { id, lease, fields[1], fields[2] }
  else
    -- Evicted, or deleted by hand: nobody can run it.
    redis.call('DEL', job)
  end
end
-- After so many that are gone, others may still wait.
local soonest = empty and -1 or 0
for _, set in ipairs({ delayed, active }) do
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[2] then
    local rest = math.max(0, tonumber(first[2]) - now)
    if soonest < 0 or rest < soonest then
      soonest = rest
    end
  end
end
return { soonest, jobs }
