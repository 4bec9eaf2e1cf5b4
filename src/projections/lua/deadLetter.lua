--[[
Moves an outbox entry that cannot be applied to the dead letters, so that it does not block the others.

KEYS[1] outbox: stream
KEYS[2] deadLetters: stream

ARGV[1] entry: its id in the outbox
ARGV[2] reason: why it cannot be applied

Replies
  {'moved'}
  {'gone'}: the outbox has no such entry (another process moved it, or has applied it)
]]
local outbox, deadLetters = KEYS[1], KEYS[2]
local entry, reason = ARGV[1], ARGV[2]

local found = redis.call('XRANGE', outbox, entry, entry)[1]
if not found then return { 'gone' } end

redis.call('XADD', deadLetters, '*', 'entry', entry, 'reason', reason, unpack(found[2]))
redis.call('XDEL', outbox, entry)
return { 'moved' }
