--- stands(fence): whether the write model of this partition was reconciled on this very Redis. The fence holds the replication id of the
-- Redis that was reconciled. Redis takes a new id at its start and when it is promoted, so a replica that took over with a copy of the
-- fence decides nothing until it has been compared with the event log.
local function stands(fence)
  local reconciled = redis.call('GET', fence)
  return reconciled and string.find(redis.call('INFO', 'replication'), 'master_replid:' .. reconciled, 1, true) ~= nil
end
