--- readPieces(value): the pieces of a customer, the oldest first, from the value in the holders hash; {} when it is false.
-- The pieces are joined by line feeds, each `<grab version>[,<code>][ <idempotency key>]`. Grabs of the first releases have no code.
local function readPieces(value)
  local pieces = {}
  for text in string.gmatch(value or '', '[^\n]+') do
    local grab, code, key = string.match(text, '^(%d+),?(%w*) ?(.*)$')
    pieces[#pieces + 1] = { text = text, grab = grab, code = code, key = key }
  end
  return pieces
end

--- pieceWithCode(value, code): the piece with this code in a value of the holders hash; nil if there is none.
local function pieceWithCode(value, code)
  for _, piece in ipairs(readPieces(value)) do
    if piece.code == code then return piece end
  end
  return nil
end

--- writePieces(pieces): the value for the holders hash.
local function writePieces(pieces)
  if #pieces == 1 then return pieces[1].text end
  local texts = {}
  for i, piece in ipairs(pieces) do texts[i] = piece.text end
  return table.concat(texts, '\n')
end

--- countPieces(value): the number of pieces in a value of the holders hash.
local function countPieces(value)
  local _, feeds = string.gsub(value, '\n', '')
  return feeds + 1
end

--- codeOfKey(value, key): the code of the piece that this idempotency key won, '' for a piece without a code; nil if there is none.
local function codeOfKey(value, key)
  for _, piece in ipairs(readPieces(value)) do
    if piece.key == key then return piece.code end
  end
  return nil
end
