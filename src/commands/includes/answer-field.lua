-- The first words of the fields that the other commands have in the answers of a coupon.
local commandWords = { create = true, grab = true, release = true, redeem = true, undo = true, restock = true, pause = true,
  resume = true, close = true, change = true }

--- answerField(name, key): the field for the refusal of a grab, '[grab ]name key'. `name`: of the customer, as keyName makes it. A customer
-- who is called like a command gets the word in front: the field of release's key 'bob k' would be that of bob's release with the key 'k'.
local function answerField(name, key)
  return (commandWords[name] and 'grab ' or '') .. name .. ' ' .. key
end
