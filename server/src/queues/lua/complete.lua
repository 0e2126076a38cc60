-- Completes a job: id, lease, result, how many to keep (-1: all). Gives 0 to one who lost it.
if not owns(ARGV[1], ARGV[2]) then
  return 0
end
withdraw(ARGV[1])
finish(ARGV[1], ARGV[2], 'completed', 'result', ARGV[3], ARGV[4])
return 1
