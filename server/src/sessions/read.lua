-- Gives a session and renews its time to live (ARGV[1], ms); nothing where there is none.
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then
  return {}
end
return redis.call('HGETALL', KEYS[1])
