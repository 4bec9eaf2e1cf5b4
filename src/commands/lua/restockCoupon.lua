--[[
Adds pieces to a coupon.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] coupon: hash
KEYS[3] outbox: stream
KEYS[4] answers: hash, 'restock key' -> the refusal that this idempotency key got
KEYS[5] requests: hash, 'restock key' -> the time at which the request with this idempotency key succeeded
KEYS[6] unloggedChanges: hash, version -> an event that later decisions depend on (includes/prior.lua)

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] changesLimit: changes of one coupon that MySQL may lack
ARGV[5] key: idempotency key; empty means none
ARGV[6] added: pieces, decimal digits
ARGV[7] amountLimit: pieces that a coupon may have, decimal digits

Replies
  {'done', time, {entry id, {field, value, ...}}}
  {'repeated', time}: the request with this idempotency key has added the pieces before
  {'refused', 'no-such-coupon'}
  {'refused', 'closed'}
  {'refused', 'too-many-pieces'}
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
local deadline, outboxLimit, answersTtl, changesLimit, key, added, amountLimit = unpack(ARGV)

local request = key ~= '' and 'restock ' .. key
local at = now()
local state, reply = beginSellerChange(KEYS, at, deadline, outboxLimit, answersTtl, changesLimit, request)
if reply then return reply end
if state.phase == 'closed' then return refuse(answers, request, answersTtl, 'closed') end
-- Subtracted and not added: a sum over 2^53 would be rounded.
if tonumber(added) > tonumber(amountLimit) - tonumber(state.amount) then
  return refuse(answers, request, answersTtl, 'too-many-pieces')
end

local amount, left = digits(tonumber(state.amount) + tonumber(added)), digits(tonumber(state.left) + tonumber(added))
local entry = appendChange(KEYS, state, request, at, eventFields(state, 'CouponRestocked', at, key, { 'added', added, 'amount', amount, 'left', left }))
redis.call('HSET', coupon, 'amount', amount, 'left', left, 'version', state.nextVersion)
return { 'done', at, entry }
