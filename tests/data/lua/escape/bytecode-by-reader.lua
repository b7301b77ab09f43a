-- expect: ok
local parts, i = { "\27", "Lua", "\x54\0", ("\0"):rep(100) }, 0
local f, why = load(function() i = i + 1 return parts[i] end, "x", "bt")
if f then host.escaped("bytecode") end
assert(why:find("binary chunk", 1, true), why)
