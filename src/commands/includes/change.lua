--- beginChange(keys, at, deadline, outboxLimit, request): the coupon's state, or nil and the reply that ends the script.
-- `keys` begins with fence, coupon, outbox, answers, requests. The state of a coupon that does not exist has no id.
local function beginChange(keys, at, deadline, outboxLimit, request)
  local fence, coupon, outbox, answers, requests = unpack(keys)
  local reason = obstacle(fence, outbox, at, deadline, outboxLimit)
  if reason then return nil, { reason } end
  local answer = answered(requests, answers, request)
  if answer then return nil, answer end
  local state = {}
  local fields = redis.call('HGETALL', coupon)
  for i = 1, #fields, 2 do state[fields[i]] = fields[i + 1] end
  if state.damaged then return nil, { 'damaged' } end
  if state.id then state.nextVersion = digits(tonumber(state.version) + 1) end
  return state
end

--- eventFields(state, type, at, key, data): the fields of the entry of the coupon's next event. `data`: {field, value, ...}.
local function eventFields(state, type, at, key, data)
  local fields = { 'type', type, 'coupon', state.id, 'seller', state.seller, 'name', state.name,
    'version', state.nextVersion, 'at', at, unpack(data) }
  if key ~= '' then
    fields[#fields + 1] = 'idempotencyKey'
    fields[#fields + 1] = key
  end
  return fields
end

--- appendChange(outbox, unloggedChanges, state, fields): appends an event that later decisions about the coupon depend on.
-- XADD is the first write: Redis does not roll back, and a change without an outbox entry would never reach MySQL.
local function appendChange(outbox, unloggedChanges, state, fields)
  local event = cjson.encode(fields)
  local entry = appendEvent(outbox, fields, priorOf(unloggedChanges))
  redis.call('HSET', unloggedChanges, state.nextVersion, event)
  return entry
end
