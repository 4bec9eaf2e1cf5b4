--- answered(requests, answers, request): the reply that this idempotency key got before; nil when the request is new or has no key.
-- `request`: command, subject and key. A success is kept for ever and comes from the log, a refusal for a day.
local function answered(requests, answers, request)
  if not request then return nil end
  local at = redis.call('HGET', requests, request)
  if at then return { 'repeated', at } end
  local refusal = redis.call('HGET', answers, request)
  if refusal then return { 'refused', refusal } end
  return nil
end

--- refuse(answers, request, ttl, refusal): the reply, which the key gets again.
local function refuse(answers, request, ttl, refusal)
  if request then
    redis.call('HSET', answers, request, refusal)
    redis.call('EXPIRE', answers, ttl)
  end
  return { 'refused', refusal }
end
