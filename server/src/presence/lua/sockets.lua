-- How many sockets the user ARGV[1] has.
return redis.call('ZCOUNT', base .. 'user:' .. ARGV[1], '(' .. now, '+inf')
