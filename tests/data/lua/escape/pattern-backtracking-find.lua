-- expect: timeout
local s = ("a"):rep(60)
return s:find(("a-"):rep(40) .. "b")
