-- expect: error: stack overflow|timeout
local function f() pcall(f) f() end
f()
