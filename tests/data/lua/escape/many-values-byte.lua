-- expect: error: slice too long|error: stack overflow
return ("x"):rep(8000000):byte(1, -1)
