-- expect: timeout
table.concat(setmetatable({}, { __index = function() return "" end, __len = function() return 10 ^ 12 // 1 | 0 end }))
