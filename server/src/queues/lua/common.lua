-- Shared by all scripts of queues. KEYS[1] is the queue's prefix, with its name as the hash tag,
-- so that all of its keys live in one slot. KEYS[2] is there for that slot to move in one piece.
--   job:<id>  hash: name data priority attempts backoff again failures takes stalls state lease
--             settled
--   gone:<id> for as long as the command that stored a trimmed job may yet be sent again
--   waiting   sorted set by priority, then by id: ids begin with the time of submission
--   delayed   sorted set by the time at which a job is due
--   active    sorted set by the time at which a worker's lease lapses
--   completed, failed   lists, latest first
--
-- For want of memory Redis refuses a script at its first write, if that is one that grows, and never
-- later. A new job begins with such a write. What takes, renews and settles jobs begins with one
-- that does not: it ends what is there, trims what is done, and must not be done twice instead.
local base = KEYS[1]
local waiting, delayed, active = base .. 'waiting', base .. 'delayed', base .. 'active'

local function job_key(id)
  return base .. 'job:' .. id
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function wait(id)
  local job = job_key(id)
  local priority = redis.call('HGET', job, 'priority')
  if priority then
    redis.call('HSET', job, 'state', 'waiting', 'lease', '')
    redis.call('ZADD', waiting, priority, id)
  else
    -- What is left of a job that was evicted.
    redis.call('DEL', job)
  end
end

-- May the holder of this lease decide over the job? A lease is "<fence>:<nonce>"; the fence counts
-- how often the job was taken. The holder may also if nobody has taken the job since: when the
-- lease lapsed and the job waits again, or when a failover forgot that it was taken.
local function owns(id, lease)
  local job = job_key(id)
  local state = redis.call('HMGET', job, 'lease', 'state', 'takes', 'settled')
  if state[1] == lease then
    return true
  end
  local fence = tonumber(string.match(lease, '^%d+'))
  return state[2] == 'waiting' and tonumber(state[3]) <= fence and state[4] ~= lease
end

-- Trims a job. Sent again, the command that stored it must not store it anew.
local function forget(id)
  local job = job_key(id)
  local again = tonumber(redis.call('HGET', job, 'again') or 0)
  redis.call('DEL', job)
  if again > 0 then
    redis.call('SET', base .. 'gone:' .. id, '', 'PX', again)
  end
end

local function withdraw(id)
  redis.call('ZREM', active, id)
  redis.call('ZREM', waiting, id)
end

-- Of a job that was withdrawn.
local function finish(id, lease, state, field, text, keep)
  local job = job_key(id)
  redis.call('HSET', job, 'state', state, field, text, 'lease', '', 'settled', lease)
  if state == 'completed' then
    -- Of an attempt before this one.
    redis.call('HDEL', job, 'failedReason')
  end
  local list = base .. state
  redis.call('LPUSH', list, id)
  keep = tonumber(keep)
  while keep >= 0 and redis.call('LLEN', list) > keep do
    forget(redis.call('RPOP', list))
  end
end
