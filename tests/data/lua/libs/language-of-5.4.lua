assert(_VERSION == "Lua 5.4" and 7 // 2 == 3 and 1 << 4 == 16 and "10" + 1 == 11 and 10 / 2 == 5)
assert(utf8.len("é") == 1 and math.tointeger(3.0) == 3 and table.pack(1, 2).n == 2 and string.pack("<i4", 1) == "\1\0\0\0")
local x <const> = 1
goto done
error("not reached")
::done::
local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
assert(co(1) == 2 and co(5) == 10 and select("#", pcall(error)) == 2)
assert(xpcall(error, function(e) return "handled " .. e end, "x") == false)
for k, v in pairs(setmetatable({}, { __pairs = function() return next, { a = 1 } end })) do assert(k == "a" and v == 1) end
