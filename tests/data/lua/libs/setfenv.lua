x = "global"
local function f() return x end
local function g() return x end
assert(f() == "global" and getfenv(f) == _G and getfenv(1) == _G and getfenv() == _G and getfenv(0) == _G)
assert(setfenv(f, { x = "own" }) == f and f() == "own")
assert(g() == "global" and x == "global" and getfenv(f).x == "own" and getfenv(g) == _G)
local function h()
  setfenv(1, { x = "inside", assert = assert })
  return x
end
assert(h() == "inside" and x == "global")
-- a chunk that runs in a table of its own, as configurations do
local conf = {}
local chunk = loadstring("name = 'n' size = 2 * 3")
setfenv(chunk, conf)
chunk()
assert(conf.name == "n" and conf.size == 6 and name == nil)
setfenv(function() return 1 end, {})
assert(setfenv(print, {}) == print and getfenv(print) == _G)
assert(not pcall(setfenv, f) and not pcall(setfenv, f, 1) and not pcall(setfenv, 100, {}) and not pcall(getfenv, -1))
local ok, why = pcall(setfenv, 0, {})
assert(not ok and why:find("the globals stay", 1, true), why)
for _, gone in ipairs { module, package.seeall } do
  ok, why = pcall(gone, "m")
  assert(not ok and why:find("a module returns its table", 1, true), why)
end
