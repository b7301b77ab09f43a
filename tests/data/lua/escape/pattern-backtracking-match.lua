-- expect: timeout
return ("x"):rep(300000):match(".-.-.-.-b$")
