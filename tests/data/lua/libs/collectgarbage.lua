assert(collectgarbage("count") > 0 and collectgarbage() == 0 and collectgarbage("collect") == 0 and collectgarbage("step") ~= nil)
local weak = setmetatable({}, { __mode = "v" })
weak[1] = {}
collectgarbage()
assert(weak[1] == nil)
assert(not pcall(collectgarbage, "generational"))
