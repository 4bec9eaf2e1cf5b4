--- priorOf(unloggedChanges, unloggedPieces, code): the events that the next event depends on and that MySQL may lack, as a JSON list; nil
-- when there are none. The next entry carries these events too: if Redis loses both entries, the process that answered for the later
-- one can still give the earlier ones to the log. `unloggedPieces` and `code` are nil for a decision that concerns no redemption.
local function priorOf(unloggedChanges, unloggedPieces, code)
  local events = redis.call('HVALS', unloggedChanges)
  local lastOfPiece = unloggedPieces and redis.call('HGET', unloggedPieces, code)
  if lastOfPiece then events[#events + 1] = string.match(lastOfPiece, '^%d+ (.*)$') end
  return #events > 0 and '[' .. table.concat(events, ',') .. ']' or nil
end
