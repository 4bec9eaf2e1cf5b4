--[[
Pauses the sale of a coupon.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] coupon: hash
KEYS[3] outbox: stream
KEYS[4] answers: hash, 'pause key' -> the refusal that this idempotency key got
KEYS[5] requests: hash, 'pause key' -> the time at which the request with this idempotency key succeeded
KEYS[6] unloggedChanges: hash, version -> an event that later decisions depend on (includes/prior.lua)

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] changesLimit: changes of one coupon that MySQL may lack
ARGV[5] key: idempotency key; empty means none

Replies
  {'done', time, {entry id, {field, value, ...}}}
  {'repeated', time}: the request with this idempotency key has paused the sale before
  {'refused', 'no-such-coupon'}
  {'refused', 'paused'}
  {'refused', 'closed'}
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
  {'behind'}: nothing was decided, MySQL lacks too many changes of this coupon
  {'damaged'}: nothing was decided, the log of this coupon has a gap that an operator must repair
  {'newer'}: nothing was decided, a newer release has changed this coupon (includes/change.lua)
]]
-- @include now
-- @include digits
-- @include append-event
-- @include stands
-- @include obstacle
-- @include answered
-- @include prior
-- @include change

local fence, coupon, outbox, answers, requests, unloggedChanges = unpack(KEYS)
local deadline, outboxLimit, answersTtl, changesLimit, key = unpack(ARGV)

local request = key ~= '' and 'pause ' .. key
local at = now()
local state, reply = beginSellerChange(KEYS, at, deadline, outboxLimit, answersTtl, changesLimit, request)
if reply then return reply end
if state.phase then return refuse(answers, request, answersTtl, state.phase) end

local entry = appendChange(KEYS, state, request, at, eventFields(state, 'CouponPaused', at, key, { 'left', state.left }))
redis.call('HSET', coupon, 'phase', 'paused', 'version', state.nextVersion)
return { 'done', at, entry }
