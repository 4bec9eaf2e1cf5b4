--[[
Undoes the redemption of a code, which is good again.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] coupon: hash
KEYS[3] outbox: stream
KEYS[4] answers: hash, 'undo code key' -> the refusal that this idempotency key got
KEYS[5] requests: hash, 'undo code key' -> the time at which the request with this idempotency key succeeded
KEYS[6] unloggedChanges: hash, version -> an event that later decisions depend on (includes/prior.lua)
KEYS[7] unloggedPieces: hash, code -> events of the piece (includes/prior.lua)
KEYS[8] holders: hash, customer -> the customer's pieces (includes/pieces.lua)
KEYS[9] redemptions: hash, code -> the time of its redemption in microseconds

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] changesLimit: changes of one piece that MySQL may lack
ARGV[5] key: idempotency key; empty means none
ARGV[6] customer: that the code was made for
ARGV[7] code

Replies
  {'done', time, {entry id, {field, value, ...}}}
  {'repeated', time}: the request with this idempotency key has undone the redemption before
  {'refused', 'no-such-code'}: no customer holds a piece with this code
  {'refused', 'not-redeemed'}
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
  {'behind'}: nothing was decided, MySQL lacks too many changes of this piece
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
-- @include pieces
-- @include redemption

local fence, coupon, outbox, answers, requests, unloggedChanges, unloggedPieces, holders, redemptions = unpack(KEYS)
local deadline, outboxLimit, answersTtl, changesLimit, key, customer, code = unpack(ARGV)

local request = key ~= '' and 'undo ' .. code .. ' ' .. key
local at = now()
local state, piece, reply = beginRedemption(KEYS, at, deadline, outboxLimit, answersTtl, request, customer, code)
if reply then return reply end
if redis.call('HEXISTS', redemptions, code) == 0 then return refuse(answers, request, answersTtl, 'not-redeemed') end

local entry = appendRedemption(KEYS, state, request, at, key, changesLimit, 'RedemptionUndone', piece, customer)
if not entry then return { 'behind' } end
redis.call('HDEL', redemptions, code)
redis.call('HSET', coupon, 'version', state.nextVersion)
if redis.call('HINCRBY', coupon, 'redeemed', -1) == 0 then redis.call('HDEL', coupon, 'redeemed') end
return { 'done', at, entry }
