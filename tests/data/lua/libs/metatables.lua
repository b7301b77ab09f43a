local t = setmetatable({}, { __index = function(_, k) return k .. "!" end, __call = function(_, x) return x end, __len = function() return 9 end })
assert(t.a == "a!" and t(3) == 3 and #t == 9 and getmetatable(t).__len)
assert(setmetatable(t, nil) == t and getmetatable(t) == nil)
local locked = setmetatable({}, { __metatable = "no" })
assert(getmetatable(locked) == "no" and not pcall(setmetatable, locked, {}))
local ok, why = pcall(setmetatable, 1, {})
assert(not ok and why:find("bad argument #1 to 'setmetatable'", 1, true), why)
assert(not pcall(setmetatable, {}) and not pcall(setmetatable, {}, 1))
local closed = false
do local x <close> = setmetatable({}, { __close = function() closed = true end }) end
assert(closed and ("x"):upper() == "X" and #("ab") == 2)
string.twice = function(s) return s .. s end
assert(("x"):twice() == "xx")
