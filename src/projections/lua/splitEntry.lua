--[[
Replaces an outbox entry by several entries that hold its events, so that one of them can fail alone.

KEYS[1] outbox: stream

ARGV[1] entry: its id in the outbox
ARGV[2] parts: JSON list, each part as a list {field, value, ...}

Replies
  {'split', id, ...}: the ids of the new entries, in the order of the parts
  {'gone'}: the outbox has no such entry (another process has applied or split it, or Redis was replaced)
]]
local outbox = KEYS[1]
local entry, parts = ARGV[1], ARGV[2]

if #redis.call('XRANGE', outbox, entry, entry) == 0 then return { 'gone' } end

local reply = { 'split' }
for _, fields in ipairs(cjson.decode(parts)) do
  reply[#reply + 1] = redis.call('XADD', outbox, '*', unpack(fields))
end
-- The last write: Redis does not roll back, and an event in two entries is applied once.
redis.call('XDEL', outbox, entry)
return reply
