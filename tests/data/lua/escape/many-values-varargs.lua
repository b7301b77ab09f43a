-- expect: ok
local function count(...) return select("#", ...) end
assert(count(table.unpack({}, 1, 200000)) == 200000)
