-- expect: error: cannot close a running coroutine
local co
co = coroutine.create(function() coroutine.close(co) end)
assert(coroutine.resume(co))
