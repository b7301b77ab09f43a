-- expect: ok
local back = host.echo({ ["$bytes"] = "AAAA" }, { ["$float"] = "nan" }, { ["$$"] = 1 }, "\0")
assert(back[1]["$bytes"] == "AAAA" and back[2]["$float"] == "nan" and back[3]["$$"] == 1 and back[4] == "\0")
