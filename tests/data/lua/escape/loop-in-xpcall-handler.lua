-- expect: timeout
local function again() while true do pcall(error) end end
while true do xpcall(error, again) end
