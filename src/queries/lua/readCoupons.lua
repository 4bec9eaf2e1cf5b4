--[[
Reads coupons of one partition, except those that the caller knows as they are: every event of a coupon raises its version.

For each coupon, one after the other:
KEYS[n+1] coupon: hash

ARGV[n+1]: the version of the coupon that the caller knows; empty if it knows none

Replies
  {'read', now, coupons}
    now: microseconds since 1970 on the clock of Redis
    coupons: in the order of the keys. Nil for a coupon that does not exist, an empty string for one that still has the known version, a
      list of values for any other. A text is the reason why a coupon cannot be read.
]]
-- @include now

local coupons = {}
for place, coupon in ipairs(KEYS) do
  local version = redis.pcall('HGET', coupon, 'version')
  if type(version) == 'table' then
    coupons[place] = version.err
  elseif version == ARGV[place] then
    coupons[place] = ''
  else
    coupons[place] = version and redis.call('HMGET', coupon, 'version', 'left', 'amount', 'stock', 'description', 'phase', 'perCustomer',
      'startsAt', 'endsAt', 'validFrom', 'validUntil')
  end
end
return { 'read', now(), coupons }
