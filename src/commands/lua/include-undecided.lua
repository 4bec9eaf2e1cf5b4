--- undecided(fence, outbox, deadline, outboxLimit): why nothing may be decided now; nil when it may.
-- A command that Redis gets to after its deadline was given up by whoever sent it: to carry it out would be a grab that
-- nobody knows of.
local function undecided(fence, outbox, deadline, outboxLimit)
  if redis.call('EXISTS', fence) == 0 then return 'fenced' end
  if tonumber(now()) > tonumber(deadline) then return 'late' end
  if redis.call('XLEN', outbox) >= tonumber(outboxLimit) then return 'full' end
  return nil
end
