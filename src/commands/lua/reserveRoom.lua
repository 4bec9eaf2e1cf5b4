--[[
Reserves room for new coupons of a seller, who may have a limited number. A reservation counts until its coupon is in the seller's view.

KEYS[1] view: sorted set, the names of the seller's coupons
KEYS[2] room: sorted set, 'reservation name' -> the end of the reservation in microseconds

ARGV[1] limit: coupons of the seller
ARGV[2] reservation: a UUID
ARGV[3] ttl: seconds of the reservation
ARGV[4] swept: reservations that one call looks at, to remove those that are over
ARGV[5..] names: each once

Replies
  {'reserved'}: there is room for all coupons that do not exist yet
  {'full'}: nothing was reserved, the seller would have too many coupons
  {'busy'}: nothing was reserved, coupons that are being created may take the room
]]
-- @include now

local view, room = KEYS[1], KEYS[2]
local limit, reservation, ttl, swept = unpack(ARGV, 1, 4)

local new = {}
for i = 5, #ARGV do
  if not redis.call('ZSCORE', view, ARGV[i]) then new[#new + 1] = ARGV[i] end
end
if #new == 0 then return { 'reserved' } end
local wanted = redis.call('ZCARD', view) + #new
if wanted > tonumber(limit) then return { 'full' } end

-- A creation does not end its reservation, which counts until the view has the coupon. The oldest reservations are looked at first.
local at = tonumber(now())
local oldest = redis.call('ZRANGE', room, 0, swept - 1, 'WITHSCORES')
for i = 1, #oldest, 2 do
  local reserved, ends = oldest[i], tonumber(oldest[i + 1])
  local name = string.sub(reserved, string.find(reserved, ' ', 1, true) + 1)
  if ends <= at or redis.call('ZSCORE', view, name) then redis.call('ZREM', room, reserved) end
end
if wanted + redis.call('ZCARD', room) > tonumber(limit) then return { 'busy' } end

local ends = string.format('%.0f', at + ttl * 1000000)
for _, name in ipairs(new) do redis.call('ZADD', room, ends, reservation .. ' ' .. name) end
redis.call('EXPIRE', room, ttl)
return { 'reserved' }
