--[[
Binds a customer's idempotency key to the first coupon that the customer uses it for.

KEYS[1] claim: string, the coupon as seller/name

ARGV[1] coupon: seller/name
ARGV[2] ttl: seconds that the key stays bound, counted anew at each use

Replies
  {'claimed'}: the key is bound to this coupon
  {'taken'}: the key is bound to another coupon
]]
local claim = KEYS[1]
local coupon, ttl = ARGV[1], ARGV[2]

local bound = redis.call('GET', claim)
if bound and bound ~= coupon then return { 'taken' } end

redis.call('SET', claim, coupon, 'EX', ttl)
return { 'claimed' }
