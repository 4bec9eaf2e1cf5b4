--- obstacle(fence, outbox, at, deadline, outboxLimit): why the script must not decide now; nil when it may. `at`: the time of the decision.
-- The sender of a command stops waiting at its deadline. A grab decided after that would be a win that its customer never learns of.
local function obstacle(fence, outbox, at, deadline, outboxLimit)
  if not stands(fence) then return 'fenced' end
  if tonumber(at) > tonumber(deadline) then return 'late' end
  if redis.call('XLEN', outbox) >= tonumber(outboxLimit) then return 'full' end
  return nil
end
