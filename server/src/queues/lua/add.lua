-- Stores a job: id, name, data, priority, delay in ms, attempts, backoff in ms, wake channel, and
-- for how many ms after it is trimmed this may be sent again.
-- Gives 1, or 0 where the job is there already, or was.
local id = ARGV[1]
local job = job_key(id)
if redis.call('EXISTS', job, base .. 'gone:' .. id) > 0 then
  return 0
end
redis.call('HSET', job, 'name', ARGV[2], 'data', ARGV[3], 'priority', ARGV[4], 'attempts', ARGV[6],
  'backoff', ARGV[7], 'again', ARGV[9], 'failures', 0, 'takes', 0)
local delay = tonumber(ARGV[5])
-- Whoever was told of a job that still waits has yet to come, and finds this one too.
local told = delay == 0 and redis.call('ZCARD', waiting) > 0
if delay > 0 then
  redis.call('HSET', job, 'state', 'delayed', 'lease', '')
  redis.call('ZADD', delayed, now_ms() + delay, id)
else
  wait(id)
end
if not told then
  redis.call('PUBLISH', ARGV[8], base)
end
return 1
