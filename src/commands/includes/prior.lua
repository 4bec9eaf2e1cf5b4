--- linesOf(unloggedPieces, code): the events of a piece that MySQL may lack, each {version, JSON}. A piece has a line for each of them.
local function linesOf(unloggedPieces, code)
  local lines = {}
  for version, event in string.gmatch(redis.call('HGET', unloggedPieces, code) or '', '(%d+) ([^\n]+)') do
    lines[#lines + 1] = { version, event }
  end
  return lines
end

--- appendLine(unloggedPieces, code, version, event): adds an event, as JSON, to those of its piece.
local function appendLine(unloggedPieces, code, version, event)
  local before = redis.call('HGET', unloggedPieces, code)
  redis.call('HSET', unloggedPieces, code, (before and before .. '\n' or '') .. version .. ' ' .. event)
end

--- priorOf(unloggedChanges, lines): the events that the next event depends on and that MySQL may lack, as a JSON list; nil when there
-- are none. The next entry carries these events too: if Redis loses both entries, the process that answered for the later one can still
-- give the earlier ones to the log. `lines`: those of the piece; nil for a decision about no piece.
local function priorOf(unloggedChanges, lines)
  local events = redis.call('HVALS', unloggedChanges)
  for _, line in ipairs(lines or {}) do events[#events + 1] = line[2] end
  return #events > 0 and '[' .. table.concat(events, ',') .. ']' or nil
end
