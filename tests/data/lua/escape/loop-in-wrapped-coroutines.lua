-- expect: timeout
local function spin() while true do coroutine.yield(pcall(error)) end end
local a, b = coroutine.wrap(spin), coroutine.wrap(spin)
while true do a() b() end
