--- digits(number): all digits of a whole number up to 2^53 - 1; tostring() keeps only 14.
local function digits(number)
  return string.format('%.0f', number)
end
