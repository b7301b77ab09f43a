-- expect: error: |memory
local json = require("json")
json.decode("[" .. ("[],"):rep(3000000) .. "1]")
