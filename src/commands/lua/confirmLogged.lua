--[[
Confirms that MySQL has an event: later decisions of the coupon need not carry it any more.

KEYS[1] unloggedChanges: hash, version -> the fields of an event
KEYS[2] unloggedPieces: hash, code -> version of the last event about the piece, ' ' and the fields of that event

ARGV[1] version: of the event
ARGV[2] code: of the piece that the event is about; empty if there is none

Replies
  {'confirmed'}: also if the event was confirmed before
]]
local unloggedChanges, unloggedPieces = KEYS[1], KEYS[2]
local version, code = ARGV[1], ARGV[2]

redis.call('HDEL', unloggedChanges, version)
-- A later event about the same piece has taken the place of this one, and stays until MySQL has it too.
local unlogged = code ~= '' and redis.call('HGET', unloggedPieces, code)
if unlogged and string.sub(unlogged, 1, #version + 1) == version .. ' ' then
  redis.call('HDEL', unloggedPieces, code)
end
return { 'confirmed' }
