--[[
Writes something that the replicas get and the append-only file does not: no disk sync, and whoever has it has all earlier writes.

KEYS[1] replicated: string, of no meaning

Replies
  {'written'}
]]
local replicated = KEYS[1]

redis.set_repl(redis.REPL_REPLICA)
redis.call('SET', replicated, '1')
return { 'written' }
