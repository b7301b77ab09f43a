local function list(t) return table.concat(t, " ") end
local t = { 3, 1, 2 }
assert(table.sort(t) == nil and list(t) == "1 2 3")
table.sort(t, function(a, b) return a > b end)
assert(list(t) == "3 2 1")
for n = 0, 70 do
  local u = {}
  for i = 1, n do u[i] = (i * 7919) % 101 end
  table.sort(u)
  for i = 2, n do assert(u[i - 1] <= u[i]) end
  assert(#u == n)
end
-- equal ones keep their order
local s = {}
for i = 1, 100 do s[i] = { key = i % 3, i = i } end
table.sort(s, function(a, b) return a.key < b.key end)
for i = 2, 100 do assert(s[i - 1].key < s[i].key or (s[i - 1].key == s[i].key and s[i - 1].i < s[i].i)) end
-- a function that contradicts itself: whatever comes out, it is the same elements
local u = {}
for i = 1, 100 do u[i] = i end
table.sort(u, function() return true end)
table.sort(u, function(a, b) return a <= b end)
table.sort(u)
for i = 1, 100 do assert(u[i] == i) end
-- tags, as scripts sort them
local tags = { "v1.10", "v1.9", "latest" }
table.sort(tags)
assert(list(tags) == "latest v1.10 v1.9")
local ok, why = pcall(table.sort, { 1, "x" })
assert(not ok and why:find("attempt to compare", 1, true), why)
ok, why = pcall(table.sort, { 2, 1 }, function() error("mine", 0) end)
assert(not ok and why == "mine")
assert(not pcall(table.sort, { 1, 2 }, "x") and not pcall(table.sort))
table.sort({ 1, nil })
