-- Leases up to ARGV[1] jobs for ARGV[2] ms; ARGV[3] is a nonce that nobody else has.
-- Before that, jobs that are due wait again and, if ARGV[4] is 1, jobs whose lease lapsed. One whose
-- lease lapsed more than ARGV[5] times has failed; ARGV[6] failed jobs are kept (-1: all).
-- Gives the ms until the next of those (-1: there is none), the jobs, the ids of those that wait
-- again because their lease lapsed, and of those that have failed.
local now = now_ms()
local most_stalls = tonumber(ARGV[5])
local stalled, failed = {}, {}

-- Whoever held the lease died, or was out of reach: it never said what became of the job. A job
-- that kills whoever runs it must not do so for ever.
local function recover(id)
  local job = job_key(id)
  if redis.call('HEXISTS', job, 'priority') == 0 then
    return wait(id)
  end
  local stalls = redis.call('HINCRBY', job, 'stalls', 1)
  if stalls <= most_stalls then
    stalled[#stalled + 1] = id
    return wait(id)
  end
  local reason = 'its worker died or lost it ' .. stalls .. ' times; QUEUE_MAX_STALLS allows ' ..
    most_stalls
  finish(id, redis.call('HGET', job, 'lease'), 'failed', 'failedReason', reason, ARGV[6])
  failed[#failed + 1] = id
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', delayed, id)
  wait(id)
end
if ARGV[4] == '1' then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', active, '-inf', now, 'LIMIT', 0, 100)) do
    withdraw(id)
    recover(id)
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
return { soonest, jobs, stalled, failed }
