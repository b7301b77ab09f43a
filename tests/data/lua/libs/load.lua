assert(load("return ...")(7) == 7)
local parts, i = { "return ", "1", " + 2" }, 0
assert(load(function() i = i + 1 return parts[i] end)() == 3)
local env = { y = 5 }
assert(load("return y", "=x", "t", env)() == 5 and load("return y", "=x", nil, env)() == 5 and load("return y")() == nil)
assert(load("return y", "=x", "bt", env)() == 5)
assert(not pcall(load("return y", "=x", "t", nil)))
local f, why = load("x x", "=mine")
assert(f == nil and why:find("^mine:1:"), why)
assert(not pcall(load))
