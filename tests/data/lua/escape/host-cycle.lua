-- expect: error: within itself
local t = {}
t[1] = t
host.echo(t)
