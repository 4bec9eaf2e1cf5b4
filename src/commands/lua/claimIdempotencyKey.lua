--[[
Binds an idempotency key of a user to the first request that the user sends with it.

KEYS[1] claim: string, the request
KEYS[2] count: string, the claims of the user that were written in this window

ARGV[1] request: of a grab, the coupon as seller/name
ARGV[2] ttl: seconds for which a claim is written, and the length of a window
ARGV[3] renewBelow: milliseconds that a claim has left when its use renews it
ARGV[4] limit: claims of the user in one window

Replies
  {'claimed'}: the key is bound to this request
  {'taken'}: the key is bound to another request
  {'too-many'}: the key is new, and the user has no claims left in this window
]]
local claim, count = KEYS[1], KEYS[2]
local request, ttl, renewBelow, limit = unpack(ARGV)

local bound = redis.call('GET', claim)
if bound and bound ~= request then return { 'taken' } end
if bound and redis.call('PTTL', claim) >= tonumber(renewBelow) then return { 'claimed' } end

-- Renewals count too, so the claims that exist are at most twice the limit. A claim that cannot be renewed still holds: the request
-- gets its answer.
if tonumber(redis.call('GET', count) or 0) >= tonumber(limit) then return { bound and 'claimed' or 'too-many' } end
redis.call('SET', claim, request, 'EX', ttl)
if redis.call('INCR', count) == 1 then redis.call('EXPIRE', count, ttl) end
return { 'claimed' }
