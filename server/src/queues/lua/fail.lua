-- Ends a failed attempt: id, lease, reason, how many failed jobs to keep (-1: all), wake channel.
-- The job runs again after its backoff, doubled at each failure and a day at most, or has failed
-- for good. Gives 0 to one who lost it.
local longest_ms = 24 * 60 * 60 * 1000
local id, lease = ARGV[1], ARGV[2]
if not owns(id, lease) then
  return 0
end
local job = job_key(id)
withdraw(id)
local failures = redis.call('HINCRBY', job, 'failures', 1)
local limits = redis.call('HMGET', job, 'attempts', 'backoff')
if failures >= tonumber(limits[1]) then
  finish(id, lease, 'failed', 'failedReason', ARGV[3], ARGV[4])
  return 1
end
redis.call('HSET', job, 'state', 'delayed', 'failedReason', ARGV[3], 'lease', '', 'settled', lease)
local pause = math.min(tonumber(limits[2]) * 2 ^ (failures - 1), longest_ms)
redis.call('ZADD', delayed, now_ms() + pause, id)
redis.call('PUBLISH', ARGV[5], base)
return 1
