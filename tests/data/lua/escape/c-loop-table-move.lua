-- expect: timeout
table.move({}, 1, 10 ^ 15 // 1 | 0, 2)
