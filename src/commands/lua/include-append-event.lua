--- appendEvent(outbox, ...): appends one entry to the outbox stream; returns {entry id, its fields}.
-- The reply carries the fields just as they were stored, so that the process that decided and the one that
-- finds the entry after a crash read the same event.
local function appendEvent(outbox, ...)
  local fields = { ... }
  return { redis.call('XADD', outbox, '*', ...), fields }
end
