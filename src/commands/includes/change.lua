--- beginChange(keys, at, deadline, outboxLimit, request): the coupon's state, or nil and the reply that ends the script.
-- `keys` begins with fence, coupon, outbox, answers, requests. The state of a coupon that does not exist has no id. A release whose event
-- this one does not understand sets the field `needs` of the coupon together with that event.
local function beginChange(keys, at, deadline, outboxLimit, request)
  local fence, coupon, outbox, answers, requests = unpack(keys)
  local reason = obstacle(fence, outbox, at, deadline, outboxLimit)
  if reason then return nil, { reason } end
  local answer = answered(requests, answers, request)
  if answer then return nil, answer end
  local state = {}
  local fields = redis.call('HGETALL', coupon)
  for i = 1, #fields, 2 do state[fields[i]] = fields[i + 1] end
  if state.needs then return nil, { 'newer' } end
  if state.damaged then return nil, { 'damaged' } end
  if state.id then state.nextVersion = digits(tonumber(state.version) + 1) end
  return state
end

--- beginSellerChange(keys, at, deadline, outboxLimit, answersTtl, changesLimit, request): the same for a change of the whole coupon, which
-- must exist. `keys` goes on with unloggedChanges.
local function beginSellerChange(keys, at, deadline, outboxLimit, answersTtl, changesLimit, request)
  local state, reply = beginChange(keys, at, deadline, outboxLimit, request)
  if reply then return nil, reply end
  if redis.call('HLEN', keys[6]) >= tonumber(changesLimit) then return nil, { 'behind' } end
  if not state.id then return nil, refuse(keys[4], request, answersTtl, 'no-such-coupon') end
  return state
end

--- appendChange(keys, state, request, at, fields, lines): appends an event that later decisions about the coupon depend on, and remembers
-- the request that led to it. `keys` begins with fence, coupon, outbox, answers, requests, unloggedChanges; `lines` as for priorOf.
-- XADD is the first write: Redis does not roll back, and a change without an outbox entry would never reach MySQL.
local function appendChange(keys, state, request, at, fields, lines)
  local outbox, requests, unloggedChanges = keys[3], keys[5], keys[6]
  local event = cjson.encode(fields)
  local entry = appendEvent(outbox, fields, priorOf(unloggedChanges, lines))
  redis.call('HSET', unloggedChanges, state.nextVersion, event)
  if request then redis.call('HSET', requests, request, at) end
  return entry
end
