-- expect: error: resulting string too large
return ("xxxx"):rep(1 << 62)
