--[[
Decides, for a list of customers in their order, who gets one piece of one coupon.

KEYS[1] fence: exists while the partition is reconciled
KEYS[2] coupon: hash
KEYS[3] holders: hash, customer -> version of the event that made them a holder
KEYS[4] outbox: stream

ARGV[1..n] customers

Replies
  {'decided', {outcome of customer 1, ... of customer n}, {entry id, {field, value, ...}}}: the entry only if somebody won.
    An outcome is 'grabbed', 'already-grabbed', 'sold-out' or 'no-such-coupon'.
  {'fenced'}: nothing was decided, the write model must be reconciled first
]]
-- @include now
-- @include digits
-- @include append-event

local fence, coupon, holders, outbox = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

if redis.call('EXISTS', fence) == 0 then return { 'fenced' } end

local id, seller, name, left, version = unpack(redis.call('HMGET', coupon, 'id', 'seller', 'name', 'left', 'version'))
left, version = tonumber(left), tonumber(version)

local outcomes, winners, newHolders, isWinner = {}, {}, {}, {}
for place, customer in ipairs(ARGV) do
  if not id then
    outcomes[place] = 'no-such-coupon'
  elseif isWinner[customer] or redis.call('HEXISTS', holders, customer) == 1 then
    outcomes[place] = 'already-grabbed'
  elseif left - #winners <= 0 then
    outcomes[place] = 'sold-out'
  else
    outcomes[place] = 'grabbed'
    isWinner[customer] = true
    winners[#winners + 1] = customer
    newHolders[#newHolders + 1] = customer
    newHolders[#newHolders + 1] = digits(version + #winners)
  end
end
if #winners == 0 then return { 'decided', outcomes } end

-- XADD is the first write: Redis does not roll back, and what is not in the outbox must not be in the holders.
-- `version` and `left` are those of the first winner; each next one has one more, and one less.
local entry = appendEvent(outbox,
  'type', 'CouponGrabbed', 'coupon', id, 'seller', seller, 'name', name, 'version', digits(version + 1), 'at', now(),
  'left', digits(left - 1), 'customers', cjson.encode(winners))
redis.call('HSET', holders, unpack(newHolders))
redis.call('HSET', coupon, 'left', digits(left - #winners), 'version', digits(version + #winners))
return { 'decided', outcomes, entry }
