--[[
Releases the name of a coupon that this batch of creations has reserved.

KEYS[1] reservation: string, the batch that has reserved the name

ARGV[1] batch

Replies
  {'released'}
  {'kept'}: the batch does not hold the name
]]
local reservation = KEYS[1]
local batch = ARGV[1]

if redis.call('GET', reservation) ~= batch then return { 'kept' } end
redis.call('DEL', reservation)
return { 'released' }
