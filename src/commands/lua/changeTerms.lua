--[[
Changes the description, the face value or the windows of a coupon.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] coupon: hash
KEYS[3] outbox: stream
KEYS[4] answers: hash, 'change key' -> the refusal that this idempotency key got
KEYS[5] requests: hash, 'change key' -> the time at which the request with this idempotency key succeeded
KEYS[6] unloggedChanges: hash, version -> an event that later decisions depend on (includes/prior.lua)

ARGV[1] deadline: microseconds since 1970 on the clock of Redis
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] answersTtl: seconds that a refusal is kept
ARGV[4] changesLimit: changes of one coupon that MySQL may lack
ARGV[5] key: idempotency key; empty means none
ARGV[6..] field, value, ...: of stock, description, startsAt, endsAt, validFrom, validUntil (microseconds); an empty time removes the limit

Replies
  {'done', time, {entry id, {field, value, ...}}}
  {'repeated', time}: the request with this idempotency key has changed the terms before
  {'refused', 'no-such-coupon'}
  {'refused', 'closed'}
  {'refused', 'empty-window'}
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

local request = key ~= '' and 'change ' .. key
local at = now()
local state, reply = beginSellerChange(KEYS, at, deadline, outboxLimit, answersTtl, changesLimit, request)
if reply then return reply end
if state.phase == 'closed' then return refuse(answers, request, answersTtl, 'closed') end

local removed = {}
for i = 6, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if value == '' and field ~= 'description' then
    state[field] = nil
    removed[#removed + 1] = field
  else
    state[field] = value
  end
end
local function isEmpty(from, to) return from and to and tonumber(to) <= tonumber(from) end
if isEmpty(state.startsAt, state.endsAt) or isEmpty(state.validFrom, state.validUntil) then
  return refuse(answers, request, answersTtl, 'empty-window')
end

local terms = {}
for _, field in ipairs({ 'stock', 'description', 'startsAt', 'endsAt', 'validFrom', 'validUntil' }) do
  if state[field] then
    terms[#terms + 1] = field
    terms[#terms + 1] = state[field]
  end
end
local data = { 'left', state.left, unpack(terms) }
local entry = appendChange(KEYS, state, request, at, eventFields(state, 'TermsChanged', at, key, data))
redis.call('HSET', coupon, 'version', state.nextVersion, unpack(terms))
if #removed > 0 then redis.call('HDEL', coupon, unpack(removed)) end
return { 'done', at, entry }
