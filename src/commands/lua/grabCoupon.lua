--[[
Decides, for a list of customers in their order, which of them get one piece of one coupon.

KEYS[1] fence: exists while the partition is reconciled
KEYS[2] coupon: hash
KEYS[3] holders: hash, customer -> version of the event that made them a holder, and ' ' and the idempotency key if there was one
KEYS[4] outbox: stream
KEYS[5] answers: hash, 'customer key' -> the refusal that this idempotency key got

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4..] customer, idempotency key, customer, idempotency key ...; an empty string means no key

Replies
  {'decided', {outcome of customer 1, ... of customer n}, {entry id, {field, value, ...}}}: the entry only if a customer won.
    An outcome is 'grabbed', 'already-grabbed', 'sold-out' or 'no-such-coupon'. The idempotency key of a win gets 'grabbed' again.
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
  {'damaged'}: nothing was decided, the log of this coupon has a gap that an operator must repair
]]
-- @include now
-- @include digits
-- @include append-event
-- @include obstacle

local fence, coupon, holders, outbox, answers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local deadline, outboxLimit, answersTtl = ARGV[1], ARGV[2], ARGV[3]

local reason = obstacle(fence, outbox, deadline, outboxLimit)
if reason then return { reason } end

local id, seller, name, left, version, damaged = unpack(redis.call('HMGET', coupon,
  'id', 'seller', 'name', 'left', 'version', 'damaged'))
if damaged then return { 'damaged' } end
left, version = tonumber(left), tonumber(version)

-- The idempotency key of a win is stored with the holder and in the event, so its 201 can be repeated for ever, even after Redis was
-- rebuilt. 'sold-out' and 'already-grabbed' stay true, but 'no-such-coupon' may not, so it is stored for the key that got it.
local outcomes, winners, winnersKeys, newHolders, keyOfWinner, newAnswers = {}, {}, {}, {}, {}, {}
local hasKey = false
for i = 4, #ARGV, 2 do
  local customer, key = ARGV[i], ARGV[i + 1]
  local request = customer .. ' ' .. key
  local heldWith = keyOfWinner[customer]
  if not heldWith then
    local held = redis.call('HGET', holders, customer)
    heldWith = held and (string.match(held, '^%d+ (.+)$') or '')
  end
  local outcome = key ~= '' and redis.call('HGET', answers, request)
  if outcome then
    -- This idempotency key got an answer before; it gets the same one.
  elseif not id then
    outcome = 'no-such-coupon'
    if key ~= '' then newAnswers[#newAnswers + 1] = request end
  elseif heldWith then
    outcome = key ~= '' and heldWith == key and 'grabbed' or 'already-grabbed'
  elseif left - #winners <= 0 then
    outcome = 'sold-out'
  else
    outcome = 'grabbed'
    keyOfWinner[customer] = key
    hasKey = hasKey or key ~= ''
    winners[#winners + 1] = customer
    winnersKeys[#winnersKeys + 1] = key
    newHolders[#newHolders + 1] = customer
    newHolders[#newHolders + 1] = digits(version + #winners) .. (key ~= '' and ' ' .. key or '')
  end
  outcomes[#outcomes + 1] = outcome
end

if #winners == 0 then
  for _, request in ipairs(newAnswers) do
    redis.call('HSET', answers, request, 'no-such-coupon')
    redis.call('EXPIRE', answers, answersTtl)
  end
  return { 'decided', outcomes }
end

-- XADD is the first write: Redis does not roll back, and a holder without an outbox entry would never reach MySQL.
-- `version` and `left` are those of the first winner; each next winner adds one to the version and takes one from `left`.
local entry = appendEvent(outbox,
  'type', 'CouponGrabbed', 'coupon', id, 'seller', seller, 'name', name, 'version', digits(version + 1), 'at', now(),
  'left', digits(left - 1), 'customers', cjson.encode(winners), 'keys', hasKey and cjson.encode(winnersKeys) or '')
redis.call('HSET', holders, unpack(newHolders))
redis.call('HSET', coupon, 'left', digits(left - #winners), 'version', digits(version + #winners))
return { 'decided', outcomes, entry }
