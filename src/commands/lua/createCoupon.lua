--[[
Creates a coupon, or reserves its name for a batch of creations, unless its seller already has a coupon of that name.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] coupon: hash
KEYS[3] outbox: stream
KEYS[4] answers: hash, 'create key' -> the refusal that this idempotency key got
KEYS[5] requests: hash, 'create key' -> the time of the creation with this idempotency key
KEYS[6] reservation: string, the batch of creations that has reserved this name
KEYS[7] unloggedChanges: hash, version -> an event that later decisions depend on (includes/prior.lua)

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] key: idempotency key; empty means none
ARGV[5] batch: that this creation belongs to; empty means none
ARGV[6] reserveFor: seconds for which the name is reserved and no coupon is created; empty means that the coupon is created
ARGV[7] id: the coupon's UUIDv7
ARGV[8] seller
ARGV[9] name
ARGV[10] amount: pieces, decimal digits
ARGV[11] stock: face value, decimal digits
ARGV[12] description
ARGV[13..] field, value, ...: the limits that the coupon has, of startsAt, endsAt, validFrom, validUntil (microseconds) and perCustomer

Replies
  {'created', {entry id, {field, value, ...}}}
  {'held'}: the name is reserved for the batch
  {'repeated'}: this request has created the coupon before
  {'refused', 'duplicate-coupon'}
  {'reserved', batch}: nothing was decided, another batch has reserved the name
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
]]
-- @include now
-- @include append-event
-- @include stands
-- @include obstacle
-- @include answered

local fence, coupon, outbox, answers, requests, reservation, unloggedChanges = unpack(KEYS)
local deadline, outboxLimit, answersTtl, key, batch, reserveFor, id, seller, name, amount, stock, description = unpack(ARGV)

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
if reservedFor and reservedFor ~= batch then return { 'reserved', reservedFor } end
if reserveFor ~= '' then
  redis.call('SET', reservation, batch, 'EX', reserveFor)
  return { 'held' }
end

local data = { 'amount', amount, 'stock', stock, 'description', description }
for i = 13, #ARGV do data[#data + 1] = ARGV[i] end

-- XADD is the first write: Redis does not roll back, and a coupon without an outbox entry would never reach MySQL.
local fields = eventFields({ id = id, seller = seller, name = name, nextVersion = '1' }, 'CouponCreated', at, key, data)
local event = cjson.encode(fields)
local entry = appendEvent(outbox, fields)
redis.call('HSET', unloggedChanges, '1', event)
redis.call('HSET', coupon, 'id', id, 'seller', seller, 'name', name, 'left', amount, 'version', '1', unpack(data))
if request then redis.call('HSET', requests, request, at) end
redis.call('DEL', reservation)
return { 'created', entry }
