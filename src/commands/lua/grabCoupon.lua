--[[
Decides, for a list of customers in their order, who gets one piece of one coupon.

KEYS[1] fence: exists while the partition is reconciled
KEYS[2] coupon: hash
KEYS[3] holders: hash, customer -> version of the event that made them a holder, and ' ' and the idempotency key if one came
KEYS[4] outbox: stream
KEYS[5] answers: hash, 'customer key' -> the refusal that this idempotency key got

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4..] customer, idempotency key, customer, idempotency key ...; an empty key is none

Replies
  {'decided', {outcome of customer 1, ... of customer n}, {entry id, {field, value, ...}}}: the entry only if somebody won.
    An outcome is 'grabbed', 'already-grabbed', 'sold-out' or 'no-such-coupon'. The key that won is told 'grabbed' again.
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, whoever asked has stopped waiting
  {'full'}: nothing was decided, the outbox can't take another entry
  {'damaged'}: nothing was decided, the log of this coupon has a gap that somebody must look at
]]
-- @include now
-- @include digits
-- @include append-event
-- @include undecided

local fence, coupon, holders, outbox, answers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local deadline, outboxLimit, answersTtl = ARGV[1], ARGV[2], ARGV[3]

local why = undecided(fence, outbox, deadline, outboxLimit)
if why then return { why } end

local id, seller, name, left, version, damaged = unpack(redis.call('HMGET', coupon,
  'id', 'seller', 'name', 'left', 'version', 'damaged'))
if damaged then return { 'damaged' } end
left, version = tonumber(left), tonumber(version)

-- The key of a win is kept with the holder and in the event: a 201 can be asked for again for ever, even after Redis was rebuilt.
-- 'sold-out' and 'already-grabbed' never cease to be true; 'no-such-coupon' does, so that one is kept for the key that got it.
local outcomes, winners, winnersKeys, newHolders, keyOfWinner, newAnswers = {}, {}, {}, {}, {}, {}
local hasKey = false
for i = 4, #ARGV, 2 do
  local customer, key = ARGV[i], ARGV[i + 1]
  local asked = customer .. ' ' .. key
  local heldWith = keyOfWinner[customer]
  if not heldWith then
    local held = redis.call('HGET', holders, customer)
    heldWith = held and (string.match(held, '^%d+ (.+)$') or '')
  end
  local outcome = key ~= '' and redis.call('HGET', answers, asked)
  if outcome then
    -- What this key was told before.
  elseif not id then
    outcome = 'no-such-coupon'
    if key ~= '' then newAnswers[#newAnswers + 1] = asked end
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
  for _, asked in ipairs(newAnswers) do
    redis.call('HSET', answers, asked, 'no-such-coupon')
    redis.call('EXPIRE', answers, answersTtl)
  end
  return { 'decided', outcomes }
end

-- XADD is the first write: Redis does not roll back, and what is not in the outbox must not be in the holders.
-- `version` and `left` are those of the first winner; each next one has one more, and one less.
local entry = appendEvent(outbox,
  'type', 'CouponGrabbed', 'coupon', id, 'seller', seller, 'name', name, 'version', digits(version + 1), 'at', now(),
  'left', digits(left - 1), 'customers', cjson.encode(winners), 'keys', hasKey and cjson.encode(winnersKeys) or '')
redis.call('HSET', holders, unpack(newHolders))
redis.call('HSET', coupon, 'left', digits(left - #winners), 'version', digits(version + #winners))
return { 'decided', outcomes, entry }
