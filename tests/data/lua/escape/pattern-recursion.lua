-- expect: error: pattern too complex
return ("x"):rep(300000):find(("x?"):rep(300000))
