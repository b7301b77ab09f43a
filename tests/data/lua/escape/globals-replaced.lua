-- expect: ok
local all = _G
for name in pairs(all) do all[name] = nil end
