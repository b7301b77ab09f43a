-- expect: error: \x00\x1b[31m\xff
error("\0\27[31m\xff", 0)
