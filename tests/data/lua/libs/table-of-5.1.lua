assert(unpack({ 1, 2, 3 }) == 1 and select("#", unpack({ 1, 2, 3 })) == 3 and unpack == table.unpack)
assert(table.getn({ 1, 2, 3 }) == 3 and table.getn({}) == 0)
assert(table.maxn({ 1, 2, [10] = 1 }) == 10 and table.maxn({}) == 0 and table.maxn({ a = 1, [-1] = 2 }) == 0)
assert(math.type(table.maxn({ 1 })) == "integer" and table.maxn({ [2.5] = 1 }) == 2.5)
for _, f in ipairs { table.getn, table.maxn } do assert(not pcall(f, "x")) end
