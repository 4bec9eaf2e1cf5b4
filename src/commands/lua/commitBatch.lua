--[[
Commits a batch of creations: from now on, all its coupons will be created.

KEYS[1] fence: the replication id of the Redis on which the partition was reconciled
KEYS[2] outbox: stream
KEYS[3] batches: hash, batch -> its plan

ARGV[1] deadline: microseconds since 1970 on the clock of Redis; after it, another creator may take over the names of the batch
ARGV[2] outboxLimit: entries, decimal digits
ARGV[3] batch
ARGV[4] plan: JSON, the coupons with their ids

Replies
  {'committed'}
  {'fenced'}: nothing was decided, the write model must be reconciled first
  {'late'}: nothing was decided, the deadline has passed
  {'full'}: nothing was decided, the outbox is at its limit
]]
-- @include now
-- @include stands
-- @include obstacle

local fence, outbox, batches = unpack(KEYS)
local deadline, outboxLimit, batch, plan = unpack(ARGV)

local reason = obstacle(fence, outbox, now(), deadline, outboxLimit)
if reason then return { reason } end

redis.call('HSET', batches, batch, plan)
return { 'committed' }
