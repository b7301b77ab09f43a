-- expect: memory|timeout
local t = {}
while true do t[#t + 1] = coroutine.create(function() coroutine.yield(("x"):rep(10000)) end) coroutine.resume(t[#t]) end
