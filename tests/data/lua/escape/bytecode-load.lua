-- expect: ok
local f, why = load("\27Lua\x54\0\x19\x93\r\n\x1a\n" .. ("\0"):rep(100))
if f then host.escaped("bytecode") end
assert(why:find("binary chunk", 1, true), why)
