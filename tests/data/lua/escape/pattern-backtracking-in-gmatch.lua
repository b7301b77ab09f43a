-- expect: timeout
for _ in ("a"):rep(60):gmatch(("a-"):rep(40) .. "b") do end
