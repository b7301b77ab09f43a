-- expect: error: bytes of JSON|memory|timeout
local json, t = require("json"), "x"
for _ = 1, 60 do t = { t, t } end
json.encode(t)
