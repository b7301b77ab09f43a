-- expect: ok
print("\17\0\0\0{\"say\":\"done\"}\r\n", "\xff\xfe", "\27[2J")
