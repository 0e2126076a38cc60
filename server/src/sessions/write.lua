-- Sets one field (ARGV[2], ARGV[3]) of a session that is alive and renews its time to live
-- (ARGV[1], ms). A session that has ended stays ended. One that has more than ARGV[4] keys then, or
-- ARGV[5] bytes of keys and values, stays as it is; `full` says of what.
-- The write that grows is the first one: Redis refuses a script for want of memory there alone.
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then
  return {}
end
local place, before = #fields + 1, 0
local keys, bytes = 1, #ARGV[2] - 2 + #ARGV[3]
for index = 1, #fields, 2 do
  local name, size = fields[index], #fields[index + 1]
  if name == ARGV[2] then
    place, before = index, size
  elseif string.sub(name, 1, 2) == 'd:' then
    keys, bytes = keys + 1, bytes + #name - 2 + size
  end
end
local full
-- After a bound was lowered, what is there may still be made smaller.
if place > #fields and keys > tonumber(ARGV[4]) then
  full = 'keys'
elseif #ARGV[3] > before and bytes > tonumber(ARGV[5]) then
  full = 'bytes'
else
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if full then
  return { 'full', full }
end
fields[place], fields[place + 1] = ARGV[2], ARGV[3]
return fields
