--[[
Decides, for a list of customers in their order, which of them get one piece of one coupon.

KEYS[1] fence: exists while the partition is reconciled
KEYS[2] coupon: hash
KEYS[3] holders: hash, customer -> the customer's pieces (includes/pieces.lua)
KEYS[4] outbox: stream
KEYS[5] answers: hash, 'customer key' -> the refusal that this idempotency key got
KEYS[6] codes: hash, code -> seller/name/customer
KEYS[7] requests: hash, 'grab customer key' -> the code of a piece that was grabbed with this key and given back
KEYS[8] unloggedChanges: hash, version -> an event that grabs depend on (includes/prior.lua)

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] customers: JSON list
ARGV[5] keys: JSON list of their idempotency keys, an empty string for a customer without one; empty when no customer has a key
ARGV[6] newCodes: one for each customer, of equal length and one after the other, for the piece that the customer may win

Replies
  {'decided', outcomes, entry, repeated, startsAt}: the outcomes of the customers, in their order and separated by commas.
    An outcome is 'grabbed', 'already-grabbed', 'sold-out', 'no-such-coupon', 'closed', 'ended', 'not-started' or 'paused'.
    entry: {entry id, {field, value, ...}}, nil unless a customer won
    repeated: {place, code, ...}, for idempotency keys whose win is an old one; the place is counted from 1
    startsAt: of the sale, if it has not started
  {'code-taken'}: nothing was decided, one of the codes exists already
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
  {'damaged'}: nothing was decided, the log of this coupon has a gap that an operator must repair
]]
-- @include now
-- @include digits
-- @include append-event
-- @include obstacle
-- @include pieces
-- @include prior

local fence, coupon, holders, outbox, answers, codes, requests, unloggedChanges = unpack(KEYS)
local deadline, outboxLimit, answersTtl, customers, keys, newCodes = unpack(ARGV)

local at = now()
local reason = obstacle(fence, outbox, at, deadline, outboxLimit)
if reason then return { reason } end

local id, seller, name, left, version, damaged, phase, startsAt, endsAt, perCustomer = unpack(redis.call('HMGET', coupon,
  'id', 'seller', 'name', 'left', 'version', 'damaged', 'phase', 'startsAt', 'endsAt', 'perCustomer'))
if damaged then return { 'damaged' } end
left, version, perCustomer = tonumber(left), tonumber(version), tonumber(perCustomer or 1)

-- Refusals that are the same for all customers.
local notOnSale = not id and 'no-such-coupon'
  or phase == 'closed' and 'closed'
  or endsAt and tonumber(at) >= tonumber(endsAt) and 'ended'
  or startsAt and tonumber(at) < tonumber(startsAt) and 'not-started'
  or phase
  or nil

-- The idempotency key of a win is stored with the holder and in the event, so its 201 can be repeated for ever, even after Redis was
-- rebuilt. A refusal is stored for the key that got it, unless it passes by itself: then the key is free for the grab that follows.
local passing = { ['not-started'] = true, paused = true }
local list, keyList = cjson.decode(customers), keys ~= '' and cjson.decode(keys) or {}
local codeLength = #newCodes / #list
local outcomes, winners, winnersKeys, winnersCodes, newAnswers, repeated = {}, {}, {}, {}, {}, {}
-- The value of each customer in the holders hash, and the customers whose value changes.
local held, changed = {}, {}
for place, customer in ipairs(list) do
  local key = keyList[place] or ''
  local value = held[customer]
  if value == nil then
    value = redis.call('HGET', holders, customer)
    held[customer] = value
  end
  local outcome
  if key ~= '' then
    local wonCode = codeOfKey(value, key) or redis.call('HGET', requests, 'grab ' .. customer .. ' ' .. key)
    if wonCode then
      outcome = 'grabbed'
      repeated[#repeated + 1] = place
      repeated[#repeated + 1] = wonCode
    else
      outcome = redis.call('HGET', answers, customer .. ' ' .. key)
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
      local code = string.sub(newCodes, codeLength * (place - 1) + 1, codeLength * place)
      winners[#winners + 1] = customer
      winnersKeys[#winnersKeys + 1] = key
      winnersCodes[#winnersCodes + 1] = code
      local piece = digits(version + #winners) .. ',' .. code
      if key ~= '' then piece = piece .. ' ' .. key end
      if not changed[customer] then
        changed[customer] = true
        changed[#changed + 1] = customer
      end
      held[customer] = value and value .. '\n' .. piece or piece
    end
    if key ~= '' and outcome ~= 'grabbed' and not passing[outcome] then
      newAnswers[#newAnswers + 1] = customer .. ' ' .. key
      newAnswers[#newAnswers + 1] = outcome
    end
  end
  outcomes[place] = outcome
end

local entry = false
if #winners > 0 then
  for _, taken in ipairs(redis.call('HMGET', codes, unpack(winnersCodes))) do
    if taken then return { 'code-taken' } end
  end
  local allWon = #winners == #list
  -- XADD is the first write: Redis does not roll back, and a holder without an outbox entry would never reach MySQL.
  -- `version` and `left` are those of the first winner; each next winner adds one to the version and takes one from `left`.
  entry = appendEvent(outbox, {
    'type', 'CouponGrabbed', 'coupon', id, 'seller', seller, 'name', name, 'version', digits(version + 1), 'at', at,
    'left', digits(left - 1), 'customers', allWon and customers or cjson.encode(winners),
    'keys', keys == '' and '' or allWon and keys or cjson.encode(winnersKeys),
    'codes', table.concat(winnersCodes),
  }, priorOf(unloggedChanges))
  local holderFields, codeFields = {}, {}
  for i, customer in ipairs(changed) do
    holderFields[2 * i - 1] = customer
    holderFields[2 * i] = held[customer]
  end
  local path = seller .. '/' .. name .. '/'
  for i, code in ipairs(winnersCodes) do
    codeFields[2 * i - 1] = code
    codeFields[2 * i] = path .. winners[i]
  end
  redis.call('HSET', holders, unpack(holderFields))
  redis.call('HSET', codes, unpack(codeFields))
  redis.call('HSET', coupon, 'left', digits(left - #winners), 'version', digits(version + #winners))
end
if #newAnswers > 0 then
  redis.call('HSET', answers, unpack(newAnswers))
  redis.call('EXPIRE', answers, answersTtl)
end
return { 'decided', table.concat(outcomes, ','), entry, repeated, notOnSale == 'not-started' and startsAt or false }
