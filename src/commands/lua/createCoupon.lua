--[[
Creates a coupon, unless its seller already has one of that name.

KEYS[1] fence: exists while the partition is reconciled
KEYS[2] coupon: hash
KEYS[3] outbox: stream

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] id: the coupon's UUIDv7
ARGV[4] seller
ARGV[5] name
ARGV[6] amount: pieces, decimal digits
ARGV[7] stock: face value, decimal digits
ARGV[8] description

Replies
  {'created', {entry id, {field, value, ...}}}
  {'duplicate'}
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
]]
-- @include now
-- @include append-event
-- @include obstacle

local fence, coupon, outbox = KEYS[1], KEYS[2], KEYS[3]
local deadline, outboxLimit, id, seller, name, amount, stock, description = unpack(ARGV)

local reason = obstacle(fence, outbox, deadline, outboxLimit)
if reason then return { reason } end
if redis.call('EXISTS', coupon) == 1 then return { 'duplicate' } end

-- XADD is the first write: Redis does not roll back, and a coupon without an outbox entry would never reach MySQL.
local entry = appendEvent(outbox,
  'type', 'CouponCreated', 'coupon', id, 'seller', seller, 'name', name, 'version', '1', 'at', now(),
  'amount', amount, 'stock', stock, 'description', description)
redis.call('HSET', coupon,
  'id', id, 'seller', seller, 'name', name, 'amount', amount, 'stock', stock, 'description', description,
  'left', amount, 'version', '1')
return { 'created', entry }
