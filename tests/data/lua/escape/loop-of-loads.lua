-- expect: timeout
while true do load("return " .. math.random()) end
