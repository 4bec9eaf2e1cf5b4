--- keyName(username): the name as part of a text with several parts, as keyName in src/infra/keys.ts makes it.
local function keyName(username)
  return (string.gsub(username, '[^A-Za-z0-9_.@~\128-\255-]', function(character)
    return string.format('%%%02X', string.byte(character))
  end))
end
