-- Renews leases for ARGV[1] ms; then pairs of id and lease. Gives the ids that are lost.
-- A job that waits although its holder still works on it is taken back.
local until_ms = now_ms() + tonumber(ARGV[1])
local lost = {}
for index = 2, #ARGV, 2 do
  local id, lease = ARGV[index], ARGV[index + 1]
  if owns(id, lease) then
    local fence = string.match(lease, '^%d+')
    redis.call('ZREM', waiting, id)
    redis.call('ZADD', active, until_ms, id)
    redis.call('HSET', job_key(id), 'state', 'active', 'lease', lease, 'takes', fence)
  else
    lost[#lost + 1] = id
  end
end
return lost
