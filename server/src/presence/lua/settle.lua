-- Shared by those scripts of presence that change it. ARGV[1]: the channel on which that is told.
local channel = ARGV[1]
local given = {}

-- Numbers rise with the clock, so that they rise even if a failover forgot the last one.
local function number(user)
  local last = given[user]
  if not last then
    last = tonumber(string.match(redis.call('HGET', told, user) or '0', '^%d+'))
  end
  given[user] = math.max(last + 1, time[1] * 1000000 + time[2])
  return string.format('%.0f', given[user])
end

local function tell(user, status, origin)
  local seq = number(user)
  if status == 'online' then
    redis.call('HSET', told, user, seq .. ' ' .. origin)
  else
    redis.call('HDEL', told, user)
  end
  redis.call('PUBLISH', channel, '{"userId":' .. cjson.encode(user) .. ',"status":"' .. status ..
    '","seq":' .. seq .. ',"origin":' .. cjson.encode(origin) .. '}')
end

-- Brings "online" in line with the sockets that are left; `fresh`: one has just begun. The first one
-- is told of even if the user is said to be online: the message that said otherwise was lost.
local function settle(user, origin, fresh)
  local key = base .. 'user:' .. user
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if last[2] then
    redis.call('ZADD', online, last[2], user)
    redis.call('PEXPIREAT', key, last[2])
    local known = redis.call('HEXISTS', told, user) == 1
    if not known or (fresh and redis.call('ZCARD', key) == 1) then
      tell(user, 'online', origin)
    end
  else
    redis.call('ZREM', online, user)
    if redis.call('HEXISTS', told, user) == 1 then
      tell(user, 'offline', origin)
    end
  end
end

-- The ms until the next user's sockets are all given up unless they are renewed, 0 where they are
-- already, and -1 where nobody is online.
local function rest()
  local first = redis.call('ZRANGE', online, 0, 0, 'WITHSCORES')
  return first[2] and math.max(0, tonumber(first[2]) - now) or -1
end
