-- expect: error: attempt to index a nil value (global 'debug')
host.escaped(debug.getinfo(1).source)
