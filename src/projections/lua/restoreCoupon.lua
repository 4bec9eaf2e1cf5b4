--[[
Replaces a coupon that is missing, behind the event log or damaged by the one that was rebuilt from the log.

KEYS[1] coupon: hash
KEYS[2] holders: hash, customer -> version of the event that made them a holder, and ' ' and the idempotency key if there was one
KEYS[3] built: hash, the holders as the log has them; absent if there are none. It expires in case the process that builds it dies.

ARGV[1] id
ARGV[2] seller
ARGV[3] name
ARGV[4] amount
ARGV[5] stock
ARGV[6] description
ARGV[7] left
ARGV[8] version: of the last event in the log
ARGV[9] grabs: the number of grabs among the coupon's events in the log

Replies
  {'restored'}
  {'kept'}: the coupon in Redis is at that version or ahead (another process restored it first)
  {'incomplete'}: the number of holders in built differs from the number of grabs
]]
local coupon, holders, built = KEYS[1], KEYS[2], KEYS[3]
local id, seller, name, amount, stock, description, left, version, grabs = unpack(ARGV)

local current, damaged = unpack(redis.call('HMGET', coupon, 'version', 'damaged'))
if current and tonumber(current) >= tonumber(version) and not damaged then
  redis.call('UNLINK', built)
  return { 'kept' }
end

if redis.call('HLEN', built) ~= tonumber(grabs) then
  redis.call('UNLINK', built)
  return { 'incomplete' }
end

redis.call('UNLINK', coupon, holders)
if redis.call('EXISTS', built) == 1 then
  redis.call('RENAME', built, holders)
  redis.call('PERSIST', holders)
end
redis.call('HSET', coupon,
  'id', id, 'seller', seller, 'name', name, 'amount', amount, 'stock', stock, 'description', description,
  'left', left, 'version', version)
return { 'restored' }
