-- expect: error: bad argument #1 to 'setmetatable'
if getmetatable("") then host.escaped("metatable") end
setmetatable("", {})
