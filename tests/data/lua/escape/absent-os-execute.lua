-- expect: error: attempt to call a nil value (field 'execute')
host.escaped(os.execute("true"))
