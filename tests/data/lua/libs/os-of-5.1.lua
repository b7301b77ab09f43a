assert(math.type(os.time()) == "integer" and os.time() > 1600000000)
local t = os.time { year = 2024, month = 2, day = 29, hour = 12 }
assert(os.time { year = 2024.0, month = 2.9, day = 29.5, hour = 12.99 } == t)
assert(os.date("%Y-%m-%d", t + 0.5) == "2024-02-29" and os.date("!%Y", 0) == "1970")
local fields = os.date("*t", t)
assert(fields.year == 2024 and fields.month == 2 and fields.day == 29 and os.time(fields) == t)
-- thirty days ago, as scripts count it
assert(os.date("!%Y-%m-%d", os.time { year = 2021, month = 3, day = 1, hour = 12 } - 86400 * 30 / 1):sub(1, 4) == "2021")
assert(os.difftime(t + 1, t) == 1 and type(os.clock()) == "number" and os.clock() >= 0)
assert(os.date() ~= "" and os.getenv("HOME") == nil)
local ok, why = pcall(os.time, { year = 2024 })
assert(not ok and why:find("missing in date table", 1, true), why)
assert(not pcall(os.getenv) and not pcall(os.date, "%Q"))
