-- expect: error: keys in a table
local t = {}
for i = 1, 100001 do t["k" .. i] = true end
host.echo(t)
