-- expect: error: __gc is not there for scripts
setmetatable({}, { __gc = function() while true do end end })
