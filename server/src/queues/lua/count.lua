-- How many jobs are waiting, active, completed, failed and delayed.
return {
  redis.call('ZCARD', waiting),
  redis.call('ZCARD', active),
  redis.call('LLEN', base .. 'completed'),
  redis.call('LLEN', base .. 'failed'),
  redis.call('ZCARD', delayed),
}
