--[[
Gives a piece back: its code is dead, and another customer can grab the piece.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] coupon: hash
KEYS[3] outbox: stream
KEYS[4] answers: hash, 'release customer key' -> the refusal that this idempotency key got
KEYS[5] requests: hash, 'release customer key' -> the time at which the request with this idempotency key succeeded
KEYS[6] unloggedChanges: hash, version -> an event that later decisions depend on (includes/prior.lua)
KEYS[7] unloggedPieces: hash, code -> events of the piece (includes/prior.lua)
KEYS[8] holders: hash, customer -> the customer's pieces (includes/pieces.lua)
KEYS[9] redemptions: hash, code -> the time of its redemption in microseconds

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] changesLimit: changes of one coupon that MySQL may lack
ARGV[5] key: idempotency key; empty means none
ARGV[6] customer
ARGV[7] code: of the piece; empty means the only piece of the customer

Replies
  {'done', time, {entry id, {field, value, ...}}}
  {'repeated', time}: the request with this idempotency key has given the piece back before
  {'refused', 'not-held'}: the customer has no such piece
  {'refused', 'code-needed'}: the customer has several pieces
  {'refused', 'redeemed'}
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
-- @include key-name
-- @include pieces

local fence, coupon, outbox, answers, requests, unloggedChanges, unloggedPieces, holders, redemptions = unpack(KEYS)
local deadline, outboxLimit, answersTtl, changesLimit, key, customer, code = unpack(ARGV)

local request = key ~= '' and 'release ' .. keyName(customer) .. ' ' .. key
local at = now()
local state, reply = beginChange(KEYS, at, deadline, outboxLimit, request)
if reply then return reply end
if redis.call('HLEN', unloggedChanges) >= tonumber(changesLimit) then return { 'behind' } end

local pieces = readPieces(state.id and redis.call('HGET', holders, customer))
local place
for i, piece in ipairs(pieces) do
  if code == '' or piece.code == code then place = place or i end
end
if not place then return refuse(answers, request, answersTtl, 'not-held') end
if code == '' and #pieces > 1 then return refuse(answers, request, answersTtl, 'code-needed') end
local piece = table.remove(pieces, place)
if redis.call('HEXISTS', redemptions, piece.code) == 1 then return refuse(answers, request, answersTtl, 'redeemed') end

local left = digits(tonumber(state.left) + 1)
local data = { 'left', left, 'customer', customer, 'grab', piece.grab }
if piece.code ~= '' then
  data[#data + 1] = 'code'
  data[#data + 1] = piece.code
end
local fields = eventFields(state, 'GrabReleased', at, key, data)
local lines = linesOf(unloggedPieces, piece.code)
local entry = appendChange(KEYS, state, request, at, fields, lines)
-- The next grab of the piece depends on these too: without its undo, a redeemed piece could not have been given back.
for _, line in ipairs(lines) do redis.call('HSET', unloggedChanges, line[1], line[2]) end
if #pieces > 0 then
  redis.call('HSET', holders, customer, writePieces(pieces))
else
  redis.call('HDEL', holders, customer)
end
-- The key of the grab gets its 201 again, although the code is dead by now: a late retry must not grab a second piece.
if piece.key ~= '' then redis.call('HSET', requests, 'grab ' .. keyName(customer) .. ' ' .. piece.key, piece.code) end
redis.call('HSET', coupon, 'left', left, 'released', digits(tonumber(state.released or 0) + 1), 'version', state.nextVersion)
return { 'done', at, entry }
