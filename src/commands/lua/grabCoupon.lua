--[[
Decides the grabs of one round, of one coupon or of several in the same partition: which customers get one piece.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] outbox: stream
KEYS[3] codes: hash, code -> seller/name/customer
Five more for each coupon, one coupon after the other:
KEYS[n+1] coupon: hash
KEYS[n+2] holders: hash, customer -> the customer's pieces (includes/pieces.lua)
KEYS[n+3] answers: hash, the customer and the key (includes/answer-field.lua) -> the refusal that this idempotency key got
KEYS[n+4] requests: hash, 'grab customer key' -> the code of a piece that was grabbed with this key and given back
KEYS[n+5] unloggedChanges: hash, version -> an event that grabs depend on (includes/prior.lua)

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] coupons: JSON list of their seller/name
ARGV[5] counts: the number of customers of each coupon, separated by commas
ARGV[6] customers: JSON list, those of the first coupon, then those of the second, and so on
ARGV[7] keys: JSON list of their idempotency keys, an empty string for a customer without one; empty when no customer has a key
ARGV[8] newCodes: one for each customer, of equal length and one after the other, for the piece that the customer may win

Replies
  {'decided', outcomes, states, repeated, failures, soldOut, entry id, at, prior}
    outcomes: those of the customers, in their order and separated by commas: 'grabbed', 'already-grabbed', 'sold-out', 'no-such-coupon',
      'closed', 'ended', 'not-started' or 'paused'. All grabs of a coupon are 'damaged' when its log has a gap that an operator must
      repair, 'newer' when a newer release has changed it (includes/change.lua), and 'failed' when one of its keys cannot be read; then
      nothing was decided about this coupon.
    states: of the coupons before the decision, separated by commas: 'id version left startsAt', each word empty if there is none
    repeated: {place, code, ...}, for idempotency keys whose win is an old one; the place of the customer is counted from 1
    failures: {place, reason, ...}; the place of the coupon is counted from 1
    soldOut: {place, supply, endsAt, ...} of the coupons that are on sale and have no piece left after this call. `supply`: all pieces so
      far, those given back counted again; without a restock or a release, which raise it, the coupon keeps its holders. `endsAt`: an
      empty string if the sale has no end.
    entry id, at, prior: of the entry that was appended for all grabs that won, which the process can build from these and from what it
      sent; without them, no customer won. `prior` is an empty string if there is none.
  {'code-taken'}: nothing was decided, one of the codes exists already
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
]]
-- @include now
-- @include digits
-- @include stands
-- @include obstacle
-- @include key-name
-- @include answer-field
-- @include pieces
-- @include prior

local fence, outbox, codes = unpack(KEYS, 1, 3)
local deadline, outboxLimit, answersTtl, coupons, counts, customers, keys, newCodes = unpack(ARGV)
local FIXED_KEYS, COUPON_KEYS = 3, 5

local at = now()
local reason = obstacle(fence, outbox, at, deadline, outboxLimit)
if reason then return { reason } end

-- The idempotency key of a win is stored with the holder and in the event, so its 201 can be repeated for ever, even after Redis was
-- rebuilt. A refusal is stored for the key that got it, unless it passes by itself: then the key is free for the grab that follows.
local passing = { ['not-started'] = true, paused = true }
local list, keyList = cjson.decode(customers), keys ~= '' and cjson.decode(keys) or nil
local codeLength = #newCodes / #list
local function codeAt(place) return string.sub(newCodes, codeLength * (place - 1) + 1, codeLength * place) end
local outcomes, states, repeated, failures, soldOut = {}, {}, {}, {}, {}

--- decide(keysFrom, i, first, last): decides about the coupon with number i and its customers, which are those from the place `first` to
-- `last`; returns the writes of its decision. It only reads from Redis, so an error in it leaves nothing behind.
local function decide(keysFrom, i, first, last)
  local coupon, holders, answers, requests, unloggedChanges = unpack(KEYS, keysFrom + 1, keysFrom + COUPON_KEYS)
  local id, left, version, damaged, phase, startsAt, endsAt, perCustomer, needs = unpack(redis.call('HMGET', coupon,
    'id', 'left', 'version', 'damaged', 'phase', 'startsAt', 'endsAt', 'perCustomer', 'needs'))
  states[i] = (id or '') .. ' ' .. (version or '') .. ' ' .. (left or '') .. ' ' .. (startsAt or '')
  local winners, holderFields, newAnswers = {}, {}, {}
  local decision = { keysFrom = keysFrom, winners = winners, holderFields = holderFields, newAnswers = newAnswers }
  if damaged or needs then
    for place = first, last do outcomes[place] = needs and 'newer' or 'damaged' end
    return decision
  end
  left, version, perCustomer = tonumber(left), tonumber(version), tonumber(perCustomer or 1)

  -- Refusals that are the same for all customers.
  local notOnSale = not id and 'no-such-coupon'
    or phase == 'closed' and 'closed'
    or endsAt and tonumber(at) >= tonumber(endsAt) and 'ended'
    or startsAt and tonumber(at) < tonumber(startsAt) and 'not-started'
    or phase
    or nil

  local stored = redis.call('HMGET', holders, unpack(list, first, last))
  -- The values of customers that have won in this call, and the places of these values in `holderFields`.
  local written = {}
  for place = first, last do
    local customer, key = list[place], keyList and keyList[place] or ''
    local value = written[customer] and holderFields[written[customer]] or stored[place - first + 1]
    local outcome
    local name = key ~= '' and keyName(customer)
    if key ~= '' then
      local wonCode = codeOfKey(value, key) or redis.call('HGET', requests, 'grab ' .. name .. ' ' .. key)
      if wonCode then
        outcome = 'grabbed'
        repeated[#repeated + 1] = place
        repeated[#repeated + 1] = wonCode
      else
        outcome = redis.call('HGET', answers, answerField(name, key))
      end
    end
    if not outcome then
      if notOnSale then
        outcome = notOnSale
      elseif value and (perCustomer == 1 or countPieces(value) >= perCustomer) then
        outcome = 'already-grabbed'
      elseif left - #winners <= 0 then
        outcome = 'sold-out'
      else
        outcome = 'grabbed'
        winners[#winners + 1] = place
        local piece = digits(version + #winners) .. ',' .. codeAt(place)
        if key ~= '' then piece = piece .. ' ' .. key end
        if not written[customer] then
          written[customer] = #holderFields + 2
          holderFields[#holderFields + 1] = customer
        end
        holderFields[written[customer]] = value and value .. '\n' .. piece or piece
      end
      if key ~= '' and outcome ~= 'grabbed' and not passing[outcome] then
        newAnswers[#newAnswers + 1] = answerField(name, key)
        newAnswers[#newAnswers + 1] = outcome
      end
    end
    outcomes[place] = outcome
  end
  if #winners > 0 then
    decision.left, decision.version = left - #winners, version + #winners
    decision.prior = priorOf(unloggedChanges)
  end
  if not notOnSale and left - #winners <= 0 then
    local amount, released = unpack(redis.call('HMGET', coupon, 'amount', 'released'))
    local supply, n = digits(tonumber(amount) + tonumber(released or 0)), #soldOut
    soldOut[n + 1], soldOut[n + 2], soldOut[n + 3] = i, supply, endsAt or ''
  end
  return decision
end

local decisions = {}
local first, keysFrom = 1, FIXED_KEYS
for count in string.gmatch(counts, '%d+') do
  local i, last = #decisions + 1, first + count - 1
  local repeats = #repeated
  local isDecided, decision = pcall(decide, keysFrom, i, first, last)
  if not isDecided then
    failures[#failures + 1] = i
    failures[#failures + 1] = type(decision) == 'table' and decision.err or tostring(decision)
    decision = { keysFrom = keysFrom, winners = {}, newAnswers = {} }
    states[i] = ''
    for place = first, last do outcomes[place] = 'failed' end
    for n = #repeated, repeats + 1, -1 do repeated[n] = nil end
  end
  decisions[i] = decision
  first, keysFrom = last + 1, keysFrom + COUPON_KEYS
end

-- What all coupons write together.
local paths = cjson.decode(coupons)
local winners, winnersKeys, winnersCodes, codeFields, wins, prior = {}, {}, {}, {}, {}, {}
for i, decision in ipairs(decisions) do
  wins[i] = #decision.winners
  if decision.prior then prior[#prior + 1] = string.sub(decision.prior, 2, -2) end
  for _, place in ipairs(decision.winners) do
    local n, customer, code = #winners + 1, list[place], codeAt(place)
    winners[n], winnersKeys[n], winnersCodes[n] = customer, keyList and keyList[place], code
    codeFields[2 * n - 1], codeFields[2 * n] = code, paths[i] .. '/' .. customer
  end
end

local reply = { 'decided', table.concat(outcomes, ','), table.concat(states, ','), repeated, failures, soldOut }
if #winners > 0 then
  for _, taken in ipairs(redis.call('HMGET', codes, unpack(winnersCodes))) do
    if taken then return { 'code-taken' } end
  end
  local allWon = #winners == #list
  local carried = #prior > 0 and '[' .. table.concat(prior, ',') .. ']' or ''
  -- XADD is the first write: Redis does not roll back, and a holder without an outbox entry would never reach MySQL.
  reply[7] = redis.call('XADD', outbox, '*', 'type', 'CouponGrabbed', 'at', at, 'coupons', coupons, 'states', reply[3],
    'wins', allWon and counts or table.concat(wins, ','), 'customers', allWon and customers or cjson.encode(winners),
    'keys', keys == '' and '' or allWon and keys or cjson.encode(winnersKeys), 'codes', table.concat(winnersCodes), 'prior', carried)
  reply[8], reply[9] = at, carried
  redis.call('HSET', codes, unpack(codeFields))
end
for _, decision in ipairs(decisions) do
  local coupon, holders, answers = unpack(KEYS, decision.keysFrom + 1, decision.keysFrom + 3)
  if #decision.winners > 0 then
    redis.call('HSET', holders, unpack(decision.holderFields))
    redis.call('HSET', coupon, 'left', digits(decision.left), 'version', digits(decision.version))
  end
  if #decision.newAnswers > 0 then
    redis.call('HSET', answers, unpack(decision.newAnswers))
    redis.call('EXPIRE', answers, answersTtl)
  end
end
return reply
