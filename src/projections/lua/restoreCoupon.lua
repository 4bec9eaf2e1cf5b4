--[[
Replaces a coupon that is missing, behind the event log or damaged by the one that was rebuilt from the log.

KEYS[1] coupon: hash
KEYS[2] holders: hash, customer -> the customer's pieces (includes/pieces.lua)
KEYS[3] redemptions: hash, code -> the time of its redemption in microseconds
KEYS[4] requests: hash, the idempotency keys whose command succeeded
KEYS[5] unloggedChanges: hash, version -> an event that the old coupon had and that MySQL may have lacked
KEYS[6] unloggedPieces: hash, code -> the same for events of a piece
KEYS[7] builtHolders: hash, the holders as the log has them and one empty field. It expires in case the process that builds it dies.
KEYS[8] builtRedemptions: hash, the redemptions as the log has them; absent if there are none. It expires too.
KEYS[9] builtRequests: hash, the requests as the log has them; absent if there are none. It expires too.

ARGV[1] version: of the last event in the log
ARGV[2] customers: the number of customers who hold pieces by the events of the log
ARGV[3..] field, value, ...: of the coupon

Replies
  {'restored'}
  {'kept'}: the coupon in Redis is at that version or ahead (another process restored it first)
  {'incomplete'}: builtHolders has another number of customers, or Redis was emptied while it was built
]]
local coupon, holders, redemptions, requests, unloggedChanges, unloggedPieces, builtHolders, builtRedemptions, builtRequests = unpack(KEYS)
local version, customers = ARGV[1], ARGV[2]

local current, damaged = unpack(redis.call('HMGET', coupon, 'version', 'damaged'))
if current and tonumber(current) >= tonumber(version) and not damaged then
  redis.call('UNLINK', builtHolders, builtRedemptions, builtRequests)
  return { 'kept' }
end

-- The empty field is written first. Without it, Redis was emptied since then, and the rest may be lost as well.
if redis.call('HLEN', builtHolders) ~= tonumber(customers) + 1 or redis.call('HDEL', builtHolders, '') == 0 then
  redis.call('UNLINK', builtHolders, builtRedemptions, builtRequests)
  return { 'incomplete' }
end

redis.call('UNLINK', coupon, holders, redemptions, requests, unloggedChanges, unloggedPieces)
for built, key in pairs({ [builtHolders] = holders, [builtRedemptions] = redemptions, [builtRequests] = requests }) do
  if redis.call('EXISTS', built) == 1 then
    redis.call('RENAME', built, key)
    redis.call('PERSIST', key)
  end
end
redis.call('HSET', coupon, unpack(ARGV, 3))
return { 'restored' }
