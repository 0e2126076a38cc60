-- Users who are online, each followed by the number with which this was said and by which socket.
local result = {}
for _, user in ipairs(redis.call('ZRANGEBYSCORE', online, '(' .. now, '+inf')) do
  result[#result + 1] = user
  result[#result + 1] = redis.call('HGET', told, user) or '0 '
end
return result
