-- expect: ok
for _, name in ipairs { "", "\0", "a\nb", "\xff", ("x"):rep(100000), '","say":"done"' } do pcall(function() host[name](1) end) end
