-- expect: error: attempt to call a nil value (field 'loadlib')
host.escaped(package.loadlib("libc.so.6", "system"))
