--[[
Confirms that MySQL has an event: later decisions of the coupon need not carry it any more.

KEYS[1] unloggedChanges: hash, version -> the fields of an event
KEYS[2] unloggedPieces: hash, code -> a line for each event of the piece: its version, ' ' and its fields

ARGV[1] version: of the event
ARGV[2] code: of the piece that the event is about; empty if there is none

Replies
  {'confirmed'}: also if the event was confirmed before
]]
local unloggedChanges, unloggedPieces = KEYS[1], KEYS[2]
local version, code = ARGV[1], ARGV[2]

redis.call('HDEL', unloggedChanges, version)
local lines = {}
for line in string.gmatch(code ~= '' and redis.call('HGET', unloggedPieces, code) or '', '[^\n]+') do
  if string.match(line, '^%d+') ~= version then lines[#lines + 1] = line end
end
if #lines > 0 then
  redis.call('HSET', unloggedPieces, code, table.concat(lines, '\n'))
elseif code ~= '' then
  redis.call('HDEL', unloggedPieces, code)
end
return { 'confirmed' }
