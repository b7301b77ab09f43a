-- expect: error: '__index' chain too long
local t = {}
setmetatable(t, { __index = t })
getmetatable(t).__index = t
return t.x
