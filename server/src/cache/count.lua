-- Adds hits, misses and milliseconds to what all instances have counted.
redis.call('HINCRBY', KEYS[1], 'hits', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'misses', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'ms', ARGV[3])
