-- Ends a failed attempt: id, lease, reason, how many failed jobs to keep (-1: all), wake channel.
-- The job runs again after its backoff, doubled at each failure, or has failed for good.
-- Gives 0 to one who lost it.
local id, lease = ARGV[1], ARGV[2]
if not owns(id, lease) then
  return 0
end
local job = job_key(id)
local failures = redis.call('HINCRBY', job, 'failures', 1)
local limits = redis.call('HMGET', job, 'attempts', 'backoff')
if failures >= tonumber(limits[1]) then
  finish(id, lease, 'failed', 'failedReason', ARGV[3], ARGV[4])
  return 1
end
redis.call('ZREM', active, id)
redis.call('ZREM', waiting, id)
redis.call('HSET', job, 'state', 'delayed', 'failedReason', ARGV[3], 'lease', '', 'settled', lease)
redis.call('ZADD', delayed, now_ms() + tonumber(limits[2]) * 2 ^ (failures - 1), id)
redis.call('PUBLISH', ARGV[5], base)
return 1
