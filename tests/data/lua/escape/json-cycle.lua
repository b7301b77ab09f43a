-- expect: error: within itself
local t = {}
t.t = t
require("json").encode(t)
