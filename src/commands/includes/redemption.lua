--- beginRedemption(keys, at, deadline, outboxLimit, answersTtl, request, customer, code): the coupon's state and the piece with this code
-- that the customer holds, or nil, nil and the reply that ends the script. `keys` as the scripts about one piece have them.
local function beginRedemption(keys, at, deadline, outboxLimit, answersTtl, request, customer, code)
  local state, reply = beginChange(keys, at, deadline, outboxLimit, request)
  if reply then return nil, nil, reply end
  local piece = pieceWithCode(state.id and redis.call('HGET', keys[8], customer), code)
  if not piece then return nil, nil, refuse(keys[4], request, answersTtl, 'no-such-code') end
  return state, piece
end

--- appendRedemption(keys, state, request, at, key, changesLimit, type, piece, customer): appends an event about the redemption of a piece, and
-- remembers the request that led to it; the entry, or nil when MySQL lacks too many events of the piece.
-- XADD is the first write: Redis does not roll back, and a redemption without an outbox entry would never reach MySQL.
local function appendRedemption(keys, state, request, at, key, changesLimit, type, piece, customer)
  local outbox, requests, unloggedChanges, unloggedPieces = keys[3], keys[5], keys[6], keys[7]
  local lines = linesOf(unloggedPieces, piece.code)
  if #lines >= tonumber(changesLimit) then return nil end
  local fields = eventFields(state, type, at, key,
    { 'left', state.left, 'customer', customer, 'grab', piece.grab, 'code', piece.code })
  local event = cjson.encode(fields)
  local entry = appendEvent(outbox, fields, priorOf(unloggedChanges, lines))
  appendLine(unloggedPieces, piece.code, state.nextVersion, event)
  if request then redis.call('HSET', requests, request, at) end
  return entry
end
