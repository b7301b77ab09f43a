-- expect: ok
local known = {}
for name in ([[_G _VERSION assert collectgarbage coroutine error getfenv getmetatable host ipairs load loadstring log math module
  next os package pairs pcall print rawequal rawget rawlen rawset require select setfenv setmetatable string table tonumber
  tostring type unpack utf8 xpcall]]):gmatch("%S+") do known[name] = true end
for name in pairs(_G) do
  if not known[name] then host.escaped(name) end
end
