-- expect: error: only text can be loaded
load("return 1", "x", "b")
