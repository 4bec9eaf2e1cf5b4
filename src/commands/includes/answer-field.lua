-- The first words of the fields that the other commands have in the answers of a coupon.
local commandWords = { create = true, grab = true, release = true, redeem = true, undo = true, restock = true, pause = true,
  resume = true, close = true, change = true }

--- answerField(name, key): the field for the refusal of a grab, '[grab ]name key'. `name`: of the customer, as keyName makes it. A customer
-- whose name is a command word gets 'grab ' in front: otherwise the key 'bob k' of the customer release would share the field of the
-- command release with the key 'k' of bob.
local function answerField(name, key)
  return (commandWords[name] and 'grab ' or '') .. name .. ' ' .. key
end
