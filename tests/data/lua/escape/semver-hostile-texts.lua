-- expect: ok
local semver = require("semver")
for _, s in ipairs { "", "1", "1.2.3-" .. ("1."):rep(1000) .. "1", ("9"):rep(300), "1.2.3\0", "-1", "1.2.3.4.5.6" } do pcall(semver, s) end
assert(not pcall(semver, -1) and not pcall(semver, 1, 2, 3, "a b") and not pcall(semver, {}))
pcall(semver.match, (">=1 "):rep(10000), "1.0.0")
