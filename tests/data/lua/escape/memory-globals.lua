-- expect: memory|timeout
local i = 0
while true do i = i + 1 _G["name" .. i] = ("x"):rep(1000) end
