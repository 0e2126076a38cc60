-- Applies changes in order. ARGV[2]: time to live of a socket in ms; then triples of '+' or '-',
-- user and socket. A '+' also renews. Gives the ms until the next user is given up.
local ttl = tonumber(ARGV[2])

-- For want of memory Redis refuses a script at its first write, if that is one that grows, and never
-- later. Where somebody goes before somebody comes, this one adds nobody and only has that looked at.
local comes = false
for index = 3, #ARGV, 3 do
  comes = comes or ARGV[index] == '+'
end
if comes and ARGV[3] == '-' then
  redis.call('ZADD', online, 'XX', now, '')
end

for index = 3, #ARGV, 3 do
  local user, socket = ARGV[index + 1], ARGV[index + 2]
  local fresh = false
  if ARGV[index] == '+' then
    fresh = redis.call('ZADD', base .. 'user:' .. user, now + ttl, socket) == 1
  else
    redis.call('ZREM', base .. 'user:' .. user, socket)
  end
  settle(user, socket, fresh)
end
return rest()
