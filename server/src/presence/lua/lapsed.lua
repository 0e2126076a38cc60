-- Users whose sockets are all given up, as those of instances that died, are said to be offline, so
-- many of them at a time. Gives the ms until the next one is given up, 0 where more are already.
for _, user in ipairs(redis.call('ZRANGEBYSCORE', online, '-inf', now, 'LIMIT', 0, 100)) do
  settle(user, '')
end
return rest()
