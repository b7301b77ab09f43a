-- expect: ok
local seen = {}
local function walk(x)
  if type(x) == "userdata" then host.escaped("userdata") end
  if type(x) ~= "table" or seen[x] then return end
  seen[x] = true
  for k, v in next, x do walk(k) walk(v) end
  walk(getmetatable(x))
end
walk(_G)
