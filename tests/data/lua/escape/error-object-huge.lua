-- expect: error: 
error(("x"):rep(20 * 1024 * 1024), 0)
