-- expect: error: values at once
local t = {}
for i = 1, 600000 do t[i] = i end
host.echo(t)
