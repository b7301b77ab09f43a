-- expect: ok
if loadstring("\27Lua") then host.escaped("bytecode") end
