assert(math.pow(2, 10) == 1024 and math.log10(1000) == 3 and math.mod(7, 3) == 1 and math.mod == math.fmod)
assert(math.cosh(0) == 1 and math.sinh(0) == 0 and math.tanh(0) == 0 and math.ldexp(1, 4) == 16)
local m, e = math.frexp(8)
assert(m == 0.5 and e == 4)
for _, name in ipairs { "pow", "log10", "cosh", "sinh", "tanh", "ldexp", "frexp", "mod" } do
  assert(not pcall(math[name]), name)
end
local seen = {}
for i = 1, 100 do
  local r = math.random(10)
  assert(r >= 1 and r <= 10 and math.type(r) == "integer")
  seen[r] = true
end
assert(next(seen, next(seen)))
