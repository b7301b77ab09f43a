-- expect: ok
setmetatable({}, setmetatable({}, { __index = function() return function() host.escaped("gc") end end }))
for _ = 1, 3 do collectgarbage() end
