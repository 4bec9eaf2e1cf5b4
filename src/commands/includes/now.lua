--- now(): microseconds since 1970 on the clock of Redis, as a string of digits. A script asks once and decides as of that time.
-- A Lua number would be printed with 14 digits and lose the last two.
local function now()
  local time = redis.call('TIME')
  return string.format('%s%06d', time[1], tonumber(time[2]))
end
