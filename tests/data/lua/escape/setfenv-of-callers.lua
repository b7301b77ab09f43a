-- expect: ok
for level = 1, 20 do
  local ok, env = pcall(getfenv, level)
  if ok and env ~= _G then host.escaped("environment of a caller") end
end
