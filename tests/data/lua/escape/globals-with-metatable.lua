-- expect: ok
setmetatable(_G, { __index = function(_, name) return name end, __newindex = function() error("no") end })
