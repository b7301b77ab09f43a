-- expect: ok
local mt = {}
setmetatable({}, mt)
mt.__gc = function() host.escaped("gc") end
for _ = 1, 3 do collectgarbage() end
