-- expect: error: invalid key to 'next'
local t = { a = 1 }
next(t, "nothing")
