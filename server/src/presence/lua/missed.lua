-- Settles users whom somebody knows to be online and who are not listed. ARGV[2] and on: users.
-- Gives those who are offline, each followed by the number with which that is to be said.
local result = {}
for index = 2, #ARGV do
  local user = ARGV[index]
  settle(user, '')
  if not redis.call('ZSCORE', online, user) then
    result[#result + 1] = user
    result[#result + 1] = given[user] and string.format('%.0f', given[user]) or number(user)
  end
end
return result
