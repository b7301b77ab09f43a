-- expect: ok
setfenv(print, { host = 1 })
setfenv(1, { print = print, host = host, getfenv = getfenv })
print("x")
if getfenv(print) == nil then host.escaped("getfenv") end
