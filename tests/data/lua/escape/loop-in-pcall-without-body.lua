-- expect: timeout
while true do pcall(pcall, pcall, error) end
