--[[
Binds an idempotency key of a user to the first request that the user sends with it.

KEYS[1] claim: string, the request
KEYS[2] counts: hash, the claims of the user that were written or renewed in the current window and in the previous one

ARGV[1] request: of a grab, the coupon as seller/name
ARGV[2] ttl: seconds for which a claim is written, and the shortest length of a window
ARGV[3] renewBelow: milliseconds that a claim has left when its use renews it
ARGV[4] limit: claims of the user in one window

Replies
  {'claimed'}: the key is bound to this request
  {'taken'}: the key is bound to another request
  {'too-many'}: the key is new, and the user has no claims left in this window
]]
local claim, counts = KEYS[1], KEYS[2]
local request, ttl, renewBelow, limit = unpack(ARGV)

local bound = redis.call('GET', claim)
if bound and bound ~= request then return { 'taken' } end
if bound and redis.call('PTTL', claim) >= tonumber(renewBelow) then return { 'claimed' } end

-- A window lasts until the first claim after its ttl. The hash outlives it by one more ttl, as the previous window.
local saved = redis.call('HMGET', counts, 'current', 'previous')
local current, previous = tonumber(saved[1] or 0), tonumber(saved[2] or 0)
local starts = redis.call('PTTL', counts) < ttl * 1000
if starts then current, previous = 0, current end

-- A used claim is always renewed. Renewals count, and the two windows cover the ttl of every claim that exists, so there are at most
-- twice as many claims as the limit, even for a user who renews all of them for ever.
if not bound and (current >= tonumber(limit) or current + previous >= 2 * limit) then return { 'too-many' } end
redis.call('SET', claim, request, 'EX', ttl)
if starts then
  redis.call('HSET', counts, 'current', 1, 'previous', previous)
  redis.call('EXPIRE', counts, 2 * ttl)
else
  redis.call('HINCRBY', counts, 'current', 1)
end
return { 'claimed' }
