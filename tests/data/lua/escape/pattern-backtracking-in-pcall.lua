-- expect: timeout
while true do pcall(string.gsub, ("a"):rep(60), ("a*"):rep(40) .. "b", "") end
