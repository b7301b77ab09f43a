-- expect: timeout
local function spin() while true do pcall(function() while true do end end) end end
while true do
  local co = coroutine.create(spin)
  coroutine.resume(co)
end
