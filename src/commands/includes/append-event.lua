--- eventFields(state, type, at, key, data): the fields of an event's entry. `state` has the coupon's id, seller, name
-- and nextVersion, the version of the event. `data`: {field, value, ...}.
local function eventFields(state, type, at, key, data)
  local fields = { 'type', type, 'coupon', state.id, 'seller', state.seller, 'name', state.name,
    'version', state.nextVersion, 'at', at, unpack(data) }
  if key ~= '' then
    fields[#fields + 1] = 'idempotencyKey'
    fields[#fields + 1] = key
  end
  return fields
end

--- appendEvent(outbox, fields, prior): appends one entry to the outbox stream; returns {entry id, its fields}.
-- The reply carries the fields just as they were stored: the process that sent the command and a process that finds the entry
-- after a crash decode the same bytes. `prior`: earlier events that this one depends on, as a JSON list; nil when there are none.
local function appendEvent(outbox, fields, prior)
  if prior then
    fields[#fields + 1] = 'prior'
    fields[#fields + 1] = prior
  end
  return { redis.call('XADD', outbox, '*', unpack(fields)), fields }
end
