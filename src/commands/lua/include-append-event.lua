--- appendEvent(outbox, ...): appends one entry to the outbox stream; returns {entry id, its fields}.
-- The reply carries the fields just as they were stored: the process that sent the command and a process that finds the entry
-- after a crash decode the same bytes.
local function appendEvent(outbox, ...)
  local fields = { ... }
  return { redis.call('XADD', outbox, '*', ...), fields }
end
