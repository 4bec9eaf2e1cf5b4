--[[
Creates a coupon, unless its seller already has one of that name.

KEYS[1] fence: exists while the partition is reconciled
KEYS[2] coupon: hash
KEYS[3] outbox: stream
KEYS[4] answers: hash, 'create key' -> the refusal that this idempotency key got
KEYS[5] requests: hash, 'create key' -> the time of the creation with this idempotency key
KEYS[6] reservation: string, the batch that has reserved this name

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] key: idempotency key; empty means none
ARGV[5] batch: that this creation belongs to; empty means none
ARGV[6] id: the coupon's UUIDv7
ARGV[7] seller
ARGV[8] name
ARGV[9] amount: pieces, decimal digits
ARGV[10] stock: face value, decimal digits
ARGV[11] description
ARGV[12..] field, value, ...: the limits that the coupon has, of startsAt, endsAt, validFrom, validUntil (microseconds) and perCustomer

Replies
  {'created', {entry id, {field, value, ...}}}
  {'repeated'}: this request has created the coupon before
  {'refused', 'duplicate-coupon'}
  {'reserved'}: nothing was decided, a batch that is being created has reserved the name
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
]]
-- @include now
-- @include append-event
-- @include obstacle
-- @include answered

local fence, coupon, outbox, answers, requests, reservation = unpack(KEYS)
local deadline, outboxLimit, answersTtl, key, batch, id, seller, name, amount, stock, description = unpack(ARGV)

local at = now()
local reason = obstacle(fence, outbox, at, deadline, outboxLimit)
if reason then return { reason } end

local request = key ~= '' and 'create ' .. key
local answer = answered(requests, answers, request)
if answer then return answer end
-- A batch that was cut off is created again with the same ids.
local existing = redis.call('HGET', coupon, 'id')
if existing == id then return { 'repeated' } end
if existing then return refuse(answers, request, answersTtl, 'duplicate-coupon') end
local reservedFor = redis.call('GET', reservation)
if reservedFor and reservedFor ~= batch then return { 'reserved' } end

local data = { 'amount', amount, 'stock', stock, 'description', description }
for i = 12, #ARGV do data[#data + 1] = ARGV[i] end

-- XADD is the first write: Redis does not roll back, and a coupon without an outbox entry would never reach MySQL.
local fields = { 'type', 'CouponCreated', 'coupon', id, 'seller', seller, 'name', name, 'version', '1', 'at', at, unpack(data) }
if request then
  fields[#fields + 1] = 'idempotencyKey'
  fields[#fields + 1] = key
end
local entry = appendEvent(outbox, fields)
redis.call('HSET', coupon, 'id', id, 'seller', seller, 'name', name, 'left', amount, 'version', '1', unpack(data))
if request then redis.call('HSET', requests, request, at) end
redis.call('DEL', reservation)
return { 'created', entry }
