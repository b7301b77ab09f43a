-- expect: error: 
os.date("*t", 1 << 62)
