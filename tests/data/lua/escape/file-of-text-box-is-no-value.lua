-- expect: error: attempt to index a nil value
return getmetatable(host).__gc.x
