-- expect: timeout
while true do pcall(host.echo, 1) end
