-- Sets one field (ARGV[2], ARGV[3]) of a session that is alive and renews its time to live
-- (ARGV[1], ms). A session that has ended stays ended.
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then
  return {}
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return redis.call('HGETALL', KEYS[1])
