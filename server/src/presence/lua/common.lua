-- Shared by all scripts of presence. KEYS[1] is the prefix, with a hash tag: all keys in one
-- slot. KEYS[2] is there for that slot to move in one piece.
--   user:<id>  sorted set: the user's sockets by the time at which each is given up
--   online     sorted set: users by the time at which their last socket is given up
--   told       hash: the sequence number with which each user was last said to be online, a space,
--              and the socket by which it came to be
local base = KEYS[1]
local online, told = base .. 'online', base .. 'told'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
