-- expect: ok
local args = {}
for i = 1, 200000 do args[i] = i end
local back = host.echo(table.unpack(args))
assert(#back == 200000)
