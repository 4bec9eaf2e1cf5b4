--[[
Moves a dead letter back into the outbox, where the relay finds it and publishes it again.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] outbox: stream
KEYS[3] deadLetters: stream

ARGV[1] letter: its id in the dead letters
ARGV[2] outboxLimit: the number of entries at which the outbox is full

Replies
  {'put-back', entry}: the id of the new entry in the outbox
  {'gone'}: there is no such dead letter (it has been put back already, or Redis was replaced)
  {'fenced'}: the write model is not reconciled; reconcile drains the outbox, and no entry may be added behind it
  {'full'}: the outbox has no room
]]
-- @include stands

local fence, outbox, deadLetters = unpack(KEYS)
local letter, outboxLimit = unpack(ARGV)

if not stands(fence) then return { 'fenced' } end
local found = redis.call('XRANGE', deadLetters, letter, letter)[1]
if not found then return { 'gone' } end
if redis.call('XLEN', outbox) >= tonumber(outboxLimit) then return { 'full' } end

-- The first two fields are those that deadLetter.lua has added: the entry's id and the reason.
local entry = redis.call('XADD', outbox, '*', unpack(found[2], 5))
-- The last write: Redis does not roll back, and an event in two entries is applied once.
redis.call('XDEL', deadLetters, letter)
return { 'put-back', entry }
