--[[
Binds an idempotency key of a user to the first request that the user sends with it.

KEYS[1] claim: string, the request

ARGV[1] request: of a grab, the coupon as seller/name
ARGV[2] ttl: seconds that the key stays bound, counted anew at each use

Replies
  {'claimed'}: the key is bound to this request
  {'taken'}: the key is bound to another request
]]
local claim = KEYS[1]
local request, ttl = ARGV[1], ARGV[2]

local bound = redis.call('GET', claim)
if bound and bound ~= request then return { 'taken' } end

redis.call('SET', claim, request, 'EX', ttl)
return { 'claimed' }
