-- Begins a session: user, creation time and time to live in ms. Ends the one before it, KEYS[2].
redis.call('HSET', KEYS[1], 'u', ARGV[1], 'c', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if KEYS[2] then
  redis.call('UNLINK', KEYS[2])
end
