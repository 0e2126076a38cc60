-- Applies changes in order. ARGV[1]: time to live of a socket in ms; ARGV[2]: channel; then triples
-- of '+' or '-', user and socket. A '+' also renews. At last, users whose sockets are all given up
-- are said to be offline: those of instances that died.
local ttl, channel = tonumber(ARGV[1]), ARGV[2]
local given = {}

-- Numbers rise with the clock, so that they rise even if a failover forgot the last one.
local function tell(user, status, origin)
  local last = given[user]
  if not last then
    last = tonumber(string.match(redis.call('HGET', told, user) or '0', '^%d+'))
  end
  local seq = math.max(last + 1, time[1] * 1000000 + time[2])
  given[user] = seq
  local text = string.format('%.0f', seq)
  if status == 'online' then
    redis.call('HSET', told, user, text .. ' ' .. origin)
  else
    redis.call('HDEL', told, user)
  end
  redis.call('PUBLISH', channel, '{"userId":' .. cjson.encode(user) .. ',"status":"' .. status ..
    '","seq":' .. text .. ',"origin":' .. cjson.encode(origin) .. '}')
end

-- Brings "online" in line with the sockets that are left.
local function settle(user, origin)
  local key = base .. 'user:' .. user
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if last[2] then
    redis.call('ZADD', online, last[2], user)
    redis.call('PEXPIREAT', key, last[2])
    if redis.call('HEXISTS', told, user) == 0 then
      tell(user, 'online', origin)
    end
  else
    redis.call('ZREM', online, user)
    if redis.call('HEXISTS', told, user) == 1 then
      tell(user, 'offline', origin)
    end
  end
end

for index = 3, #ARGV, 3 do
  local user, socket = ARGV[index + 1], ARGV[index + 2]
  if ARGV[index] == '+' then
    redis.call('ZADD', base .. 'user:' .. user, now + ttl, socket)
  else
    redis.call('ZREM', base .. 'user:' .. user, socket)
  end
  settle(user, socket)
end

for _, user in ipairs(redis.call('ZRANGEBYSCORE', online, '-inf', now, 'LIMIT', 0, 100)) do
  settle(user, '')
end
